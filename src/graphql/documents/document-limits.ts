import {
  type DocumentNode,
  type FieldNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  parse,
  visit,
} from 'graphql';
import { AppError } from '../../errors.ts';
import { type Measure, selectionFold } from './selection-fold.ts';

/** How large a document may be; fragments count each time they are spread, and as often as they are. */
export interface DocumentLimits {
  /** Characters of the source; errors may repeat any of it several times. */
  length: number;
  /** Lexical tokens of the source. */
  maxTokens: number;
  /** Levels of fields below an operation, not counting what lies below `__schema` and `__type`. */
  depth: number;
  /** Levels of fields below `__schema` and `__type`. */
  introspectionDepth: number;
  /** Selections of `__schema` and `__type`. */
  introspections: number;
  /** Fields at the root of one operation. */
  rootFields: number;
  /** Fields, inline fragments and spreads of all operations together: what validation compares in pairs. */
  selections: number;
  aliases: number;
  directives: number;
  /** Fragment definitions. */
  fragments: number;
  /** Levels of lists and objects in a value or a type that is written into the document. */
  inputDepth: number;
}

/** What an operation may cost. */
export interface CostLimits {
  cost: number;
}

/** Limits that every honest client stays well below, and that the standard introspection query passes. */
export const DEFAULT_LIMITS: DocumentLimits & CostLimits = {
  length: 100 * 1024,
  maxTokens: 3000,
  depth: 12,
  introspectionDepth: 20,
  introspections: 3,
  rootFields: 20,
  selections: 600,
  aliases: 30,
  directives: 50,
  fragments: 50,
  inputDepth: 20,
  cost: 20_000,
};

/**
 * Parses a source and refuses one that is too long, has too many tokens or nests too deeply with BAD_USER_INPUT; undefined for every
 * other syntax error, which is then left for the server to find and report in its usual words.
 */
export function parseBounded(
  source: string,
  { maxTokens, length }: Pick<DocumentLimits, 'maxTokens' | 'length'>,
): DocumentNode | undefined {
  refuseAbove(length, source.length, 'characters');
  try {
    return parse(source, { maxLexicalTokens: maxTokens });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new AppError('BAD_USER_INPUT', 'The document nests too deeply.', { cause: error });
    }
    if (!(error instanceof GraphQLError)) throw error;
    if (!/\btokens\. Parsing aborted\.$/.test(error.message)) return undefined;
    throw new AppError('BAD_USER_INPUT', `The document has more than ${maxTokens} tokens.`, { cause: error });
  }
}

/**
 * Refuses with BAD_USER_INPUT a document that goes beyond a limit, in time linear in its size and before validation,
 * whose own time is not.
 */
export function checkDocument(document: DocumentNode, limits: DocumentLimits): void {
  const fragments = document.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION).length;
  refuseAbove(limits.fragments, fragments, 'fragments');
  checkInputs(document, limits.inputDepth);

  const fold = selectionFold(document, SHAPE);
  const operations = document.definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
  const shapes = operations.map((node) => withOwnDirectives(node, fold.operation(node)));
  for (const { rootFields } of shapes) refuseAbove(limits.rootFields, rootFields, 'fields at the root');

  // Fragments that nothing spreads are validated too.
  const total = [...shapes, ...fold.unreached()].reduce(SHAPE.beside, SHAPE.nothing);
  refuseAbove(limits.depth, total.depth, 'levels of fields');
  refuseAbove(limits.introspectionDepth, total.introspectionDepth, 'levels of introspection fields');
  refuseAbove(limits.introspections, total.introspections, 'introspections');
  refuseAbove(limits.aliases, total.aliases, 'aliases');
  refuseAbove(limits.directives, total.directives, 'directives');
  refuseAbove(limits.selections, total.selections, 'fields and fragments');
}

// Validation walks values by recursion, and runs out of stack before the parser does.
function checkInputs(document: DocumentNode, limit: number): void {
  let depth = 0;
  const level = {
    enter: () => refuseAbove(limit, ++depth, 'levels of lists and objects in a value'),
    leave: () => void depth--,
  };
  visit(document, { ListValue: level, ObjectValue: level, ListType: level });
}

function refuseAbove(limit: number, count: number, things: string): void {
  if (count > limit) throw new AppError('BAD_USER_INPUT', `The document has more than ${limit} ${things}.`);
}

interface Shape {
  depth: number;
  introspectionDepth: number;
  introspections: number;
  rootFields: number;
  selections: number;
  aliases: number;
  directives: number;
}

// Doubling fragments reach Infinity, where a double stays: no sum of these counts ever wraps around or turns to NaN.
const SHAPE: Measure<Shape> = {
  nothing: {
    depth: 0,
    introspectionDepth: 0,
    introspections: 0,
    rootFields: 0,
    selections: 0,
    aliases: 0,
    directives: 0,
  },
  beside: (a, b) => ({
    depth: Math.max(a.depth, b.depth),
    introspectionDepth: Math.max(a.introspectionDepth, b.introspectionDepth),
    introspections: a.introspections + b.introspections,
    rootFields: a.rootFields + b.rootFields,
    selections: a.selections + b.selections,
    aliases: a.aliases + b.aliases,
    directives: a.directives + b.directives,
  }),
  field(node, inside) {
    const introspects = isIntrospection(node);
    return {
      depth: introspects ? 1 : inside.depth + 1,
      introspectionDepth: introspects
        ? Math.max(inside.depth, inside.introspectionDepth)
        : inside.introspectionDepth,
      introspections: inside.introspections + (introspects ? 1 : 0),
      rootFields: 1,
      selections: inside.selections + 1,
      aliases: inside.aliases + (node.alias === undefined ? 0 : 1),
      directives: inside.directives + (node.directives?.length ?? 0),
    };
  },
  group: (node, inside) => ({
    ...inside,
    selections: inside.selections + (node.kind === Kind.FRAGMENT_DEFINITION ? 0 : 1),
    directives: inside.directives + (node.directives?.length ?? 0),
  }),
};

function isIntrospection(node: FieldNode): boolean {
  return node.name.value === '__schema' || node.name.value === '__type';
}

function withOwnDirectives(node: OperationDefinitionNode, shape: Shape): Shape {
  const onVariables = (node.variableDefinitions ?? []).flatMap((variable) => variable.directives ?? []);
  return {
    ...shape,
    directives: shape.directives + onVariables.length + (node.directives?.length ?? 0),
  };
}
