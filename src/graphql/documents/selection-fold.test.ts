import { type DocumentNode, Kind, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { type Measure, type SelectionFold, selectionFold } from './selection-fold.ts';

const COUNT: Measure<number> = {
  nothing: 0,
  beside: (a, b) => a + b,
  field: (_node, inside) => 1 + inside,
  group: (_node, inside) => inside,
};

function foldOf<T>(document: DocumentNode, fold: SelectionFold<T>): T {
  const operation = document.definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION);
  if (operation === undefined) throw new Error('The document has no operation.');
  return fold.operation(operation);
}

function count(source: string): number {
  const document = parse(source);
  return foldOf(document, selectionFold(document, COUNT));
}

describe('selectionFold', () => {
  it('counts fields as if every fragment stood where it is spread', () => {
    expect(count('{ a b { c } }')).toBe(3);
    expect(count('{ a ... on Query { b ... { c } } }')).toBe(3);
    expect(count('{ a ...F b { ...F } } fragment F on X { c d { e } }')).toBe(8);
    expect(count('{ ...F ...F ...F } fragment F on X { ...G ...G } fragment G on X { a }')).toBe(6);
  });

  it('tells the measure of each spread and of each definition', () => {
    const document = parse('{ ...F ...F ... on X { a } } fragment F on X { a }');
    const kinds: string[] = [];
    const measure: Measure<number> = {
      ...COUNT,
      group(node, inside) {
        kinds.push(node.kind);
        return inside;
      },
    };
    foldOf(document, selectionFold(document, measure));
    expect(kinds.toSorted()).toEqual([
      'FragmentDefinition',
      'FragmentSpread',
      'FragmentSpread',
      'InlineFragment',
    ]);
  });

  it('takes a fragment that is not there for nothing', () => {
    expect(count('{ a ...Missing }')).toBe(1);
    expect(count('{ ...toString ...__proto__ ...constructor }')).toBe(0);
  });

  it('measures the fragments that no operation reaches', () => {
    const document = parse(
      '{ ...F } fragment F on X { a } fragment G on X { a b } fragment H on X { a b c }',
    );
    const fold = selectionFold(document, COUNT);
    foldOf(document, fold);
    expect(fold.unreached()).toEqual([2, 3]);
  });

  it('refuses fragments that spread themselves, wherever they hide', () => {
    const cyclic = /spreads itself/;
    expect(() => count('{ ...F } fragment F on X { ...F }')).toThrow(cyclic);
    expect(() => count('{ ...F } fragment F on X { a { ... { ...G } } } fragment G on X { b ...F }')).toThrow(
      cyclic,
    );
    const apart = parse('{ a } fragment F on X { ...G } fragment G on X { ...F }');
    expect(() => selectionFold(apart, COUNT).unreached()).toThrow(cyclic);
  });

  it('does not take a fragment spread again and again for a cycle', () => {
    expect(count('{ ...F ...G } fragment F on X { a } fragment G on X { ...F ...F }')).toBe(3);
  });

  it('refuses two fragments of one name', () => {
    expect(() => count('{ ...F } fragment F on X { a } fragment F on X { b }')).toThrow(
      'two fragments named "F"',
    );
  });

  it('refuses nesting that could exhaust the stack, also when fragments make it', () => {
    const nested = `${'{ ... '.repeat(1000)}{ a }${' }'.repeat(1000)}`;
    expect(() => count(nested)).toThrow('nests selections too deeply');
    const chain = Array.from({ length: 5000 }, (_, i) => `fragment F${i} on X { ...F${i + 1} }`);
    expect(() => count(`{ ...F0 } ${chain.join(' ')}`)).toThrow('nests selections too deeply');
    expect(count(`${'{ a '.repeat(150)}${' }'.repeat(150)}`)).toBe(150);
  });

  it('walks each node once, however large the expansion', () => {
    const layers = Array.from(
      { length: 100 },
      (_, i) => `fragment F${i} on X { a ${`...F${i + 1} `.repeat(50)} }`,
    );
    const document = parse(`{ ...F0 } ${layers.join(' ')} fragment F100 on X { a }`);
    let fields = 0;
    let groups = 0;
    const measure: Measure<number> = {
      ...COUNT,
      field(_node, inside) {
        fields++;
        return 1 + inside;
      },
      group(_node, inside) {
        groups++;
        return inside;
      },
    };
    expect(foldOf(document, selectionFold(document, measure))).toBeGreaterThan(50 ** 100);
    expect(fields).toBe(101);
    expect(groups).toBe(1 + 100 * 50 + 101);
  });
});
