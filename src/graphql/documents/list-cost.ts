import {
  type DocumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  type ValueNode,
} from 'graphql';
import { AppError } from '../../errors.ts';
import type { CostLimits } from './document-limits.ts';
import { type ListSize, type ListsOf, saysSize } from './list-sizes.ts';
import { selectionFold } from './selection-fold.ts';

/**
 * The most values that the operation to run, which must be valid, can make the server produce: each field once, times
 * the sizes of the lists it lies in. Refuses with BAD_USER_INPUT what costs more than the limit, and a name that could mean several
 * operations; costs nothing when there is none to run.
 */
export function listCost(
  document: DocumentNode,
  operationName: string | undefined,
  variables: Readonly<Record<string, unknown>>,
  limits: CostLimits,
  listsOf: ListsOf,
): number {
  const [operation, another] = document.definitions
    .filter((node) => node.kind === Kind.OPERATION_DEFINITION)
    // An empty name is taken for none, as some clients send it so.
    .filter((node) => !operationName || node.name?.value === operationName);
  if (operation === undefined) return 0;
  if (another !== undefined) {
    throw new AppError(
      'BAD_USER_INPUT',
      'The document holds several operations; operationName must name one of them.',
    );
  }
  const cost = operationCost(document, operation, variables, listsOf(document));
  if (cost > limits.cost) {
    const message = `The operation asks for more than ${limits.cost} values; ask for smaller pages or fewer fields.`;
    throw new AppError('BAD_USER_INPUT', message);
  }
  return cost;
}

// A fragment's cost does not depend on where it is spread: what encloses it multiplies it there. Counts too large for
// a double become Infinity, which every limit refuses; a size is never 0, so none becomes NaN.
function operationCost(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
  lists: ReadonlyMap<FieldNode, ListSize>,
): number {
  const defaults = new Map(
    operation.variableDefinitions?.map((node) => [node.variable.name.value, node.defaultValue]),
  );
  const sizeOf = (value: ValueNode): number | undefined => {
    if (value.kind !== Kind.VARIABLE) return literalSize(value);
    const name = value.name.value;
    const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (given !== undefined) return givenSize(given);
    const standing = defaults.get(name);
    return standing === undefined ? undefined : literalSize(standing);
  };
  return selectionFold<number>(document, {
    nothing: 0,
    beside: (a, b) => a + b,
    field: (node, inside) => 1 + pageSize(node, lists.get(node), sizeOf) * inside,
    group: (_node, inside) => inside,
  }).operation(operation);
}

function pageSize(
  node: FieldNode,
  list: ListSize | undefined,
  sizeOf: (value: ValueNode) => number | undefined,
): number {
  if (list === undefined) return 1;
  const asked = (node.arguments ?? [])
    .filter((argument) => saysSize(argument.name.value))
    .map((argument) => sizeOf(argument.value))
    .filter((size) => size !== undefined);
  const size = asked.length === 0 ? list.usual : asked.reduce((a, b) => Math.max(a, b));
  return Math.min(Math.max(size, 1), list.most);
}

// What is no whole number is refused when it is coerced; until then it counts as the largest page.
function literalSize(value: ValueNode): number | undefined {
  if (value.kind === Kind.NULL) return undefined;
  return value.kind === Kind.INT ? Number(value.value) : Number.POSITIVE_INFINITY;
}

function givenSize(value: unknown): number | undefined {
  if (value === null) return undefined;
  return Number.isInteger(value) ? Number(value) : Number.POSITIVE_INFINITY;
}
