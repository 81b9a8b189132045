import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type InlineFragmentNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { AppError } from '../../errors.ts';

/** How a value is made of a selection set, from the leaves up, as if every fragment stood where it is spread. */
export interface Measure<T> {
  /** The value of no selection at all, and of a spread whose fragment is not there. */
  readonly nothing: T;
  /** The value of two parts side by side. */
  beside(a: T, b: T): T;
  /** The value of a field with the value of what is selected inside it. */
  field(node: FieldNode, inside: T): T;
  /** The value of an inline fragment, a spread or a fragment's definition with the value of what is inside it. */
  group(node: InlineFragmentNode | FragmentSpreadNode | FragmentDefinitionNode, inside: T): T;
}

/** One document, measured; each fragment is walked once, however often it is spread. */
export interface SelectionFold<T> {
  /** The value of everything that the operation selects. */
  operation(node: OperationDefinitionNode): T;
  /** The values of the fragments that no operation measured so far has reached. */
  unreached(): T[];
}

// Deeper than any limit lets through, and far from where the walk itself would run out of stack.
const MAX_NESTING = 200;

/**
 * Measures a document that need not be valid, in time linear in its size; refuses with BAD_USER_INPUT a fragment that
 * spreads itself, two of one name, and nesting beyond all reason.
 */
export function selectionFold<T>(document: DocumentNode, measure: Measure<T>): SelectionFold<T> {
  const definitions = fragmentsByName(document);
  const values = new Map<string, T>();
  const entered = new Set<string>();

  function ofSet(set: SelectionSetNode | undefined, level: number): T {
    if (level > MAX_NESTING)
      throw new AppError('BAD_USER_INPUT', 'The document nests selections too deeply.');
    let value = measure.nothing;
    for (const node of set?.selections ?? []) value = measure.beside(value, ofSelection(node, level + 1));
    return value;
  }

  function ofSelection(node: SelectionNode, level: number): T {
    if (node.kind === Kind.FIELD) return measure.field(node, ofSet(node.selectionSet, level));
    if (node.kind === Kind.INLINE_FRAGMENT) return measure.group(node, ofSet(node.selectionSet, level));
    return measure.group(node, ofFragment(node.name.value, level));
  }

  function ofFragment(name: string, level: number): T {
    const known = values.get(name);
    if (known !== undefined) return known;
    const definition = definitions.get(name);
    if (definition === undefined) return measure.nothing;
    if (entered.has(name)) throw new AppError('BAD_USER_INPUT', `The fragment "${name}" spreads itself.`);
    entered.add(name);
    const value = measure.group(definition, ofSet(definition.selectionSet, level));
    values.set(name, value);
    return value;
  }

  return {
    operation: (node) => ofSet(node.selectionSet, 0),
    unreached: () =>
      [...definitions.keys()].filter((name) => !values.has(name)).map((name) => ofFragment(name, 0)),
  };
}

function fragmentsByName(document: DocumentNode): Map<string, FragmentDefinitionNode> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions) {
    if (node.kind !== Kind.FRAGMENT_DEFINITION) continue;
    const name = node.name.value;
    // Whichever of the two were measured, the other might be the one that is run.
    if (fragments.has(name)) throw new AppError('BAD_USER_INPUT', `There are two fragments named "${name}".`);
    fragments.set(name, node);
  }
  return fragments;
}
