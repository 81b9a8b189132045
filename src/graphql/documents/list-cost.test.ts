import { buildSchema, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { type CostLimits, DEFAULT_LIMITS } from './document-limits.ts';
import { listCost } from './list-cost.ts';
import { listsOf } from './list-sizes.ts';

const LIMITS: CostLimits = { cost: Number.MAX_SAFE_INTEGER };
const SCHEMA = buildSchema(`
  type Query { id: ID name: String me: User files(first: Int = 25, last: Int, after: ID): FileConnection tags(first: Int = 50): [Tag!]! users: UserConnection sessions: [Session!]! items(first: Int): [Item!]! }
  union Item = File | User
  type User { id: ID name: String usage: Usage files(first: Int = 25): FileConnection }
  type Usage { usedBytes: Int }
  type Tag { tag: String count: Int }
  type Session { id: ID user: User }
  type PageInfo { endCursor: ID hasNextPage: Boolean }
  type FileConnection { id: ID name: String nodes: [File!]! edges: [FileEdge!]! pageInfo: PageInfo! totalCount: Int field: File files(first: Int = 25): FileConnection }
  type FileEdge { cursor: ID node: File! }
  type File { id: ID tags: [String!]! owner: User files(first: Int = 25): FileConnection ${Array.from({ length: 30 }, (_, i) => `field${i}: Int`).join(' ')} }
  type UserConnection { nodes: [User!]! pageInfo: PageInfo! }
`);
const LISTS = listsOf(SCHEMA);
const cost = (source: string, variables: Record<string, unknown> = {}, operationName?: string) =>
  listCost(parse(source), operationName, variables, LIMITS, LISTS);

const SCALARS = Array.from({ length: 30 }, (_, i) => `field${i}`).join(' ');

describe('listCost', () => {
  it('counts each field once outside of lists', () => {
    expect(cost('{ me { id usage { usedBytes } } }')).toBe(4);
    expect(cost('{ ...F ... { id } } fragment F on Query { id name }')).toBe(3);
  });

  it('multiplies what lies in a list by its usual size', () => {
    expect(cost('{ files { nodes { id } } }')).toBe(1 + 25 * 2);
    expect(cost('{ tags { tag count } }')).toBe(1 + 50 * 2);
    expect(cost('{ files { edges { node { tags } } } }')).toBe(1 + 25 * 3);
  });

  it('counts a list that says nothing of its size as 100, and the lists of a page once', () => {
    expect(cost('{ sessions { id } }')).toBe(1 + 100);
    expect(cost('{ users { nodes { id } pageInfo { endCursor } } }')).toBe(1 + 100 * 4);
    expect(cost('{ sessions { user { files { nodes { id } } } } }')).toBe(1 + 100 * (2 + 25 * 2));
  });

  it('multiplies by the page size asked for, from either end', () => {
    expect(cost('{ files(first: 10) { nodes { id } } }')).toBe(1 + 10 * 2);
    expect(cost('{ files(last: 7) { nodes { id } } }')).toBe(1 + 7 * 2);
    expect(cost('{ files(first: 3, last: 9, after: "5") { nodes { id } } }')).toBe(1 + 9 * 2);
    expect(cost('{ x: files(first: 10) { nodes { y: id } } }')).toBe(1 + 10 * 2);
  });

  it('keeps the page size within 1 and the largest page', () => {
    expect(cost('{ files(first: 1000000) { id } }')).toBe(1001);
    expect(cost(`{ files(first: ${'9'.repeat(1000)}) { id } }`)).toBe(1001);
    expect(cost('{ files(first: 0) { id } }')).toBe(2);
    expect(cost('{ files(first: -5) { id } }')).toBe(2);
    expect(cost('{ files(first: null) { id } }')).toBe(26);
  });

  it('takes what is no whole number for the largest page', () => {
    expect(cost('{ files(first: 1.5) { id } }')).toBe(1001);
    expect(cost('{ files(first: "2") { id } }')).toBe(1001);
    expect(cost('{ files(first: [2]) { id } }')).toBe(1001);
    for (const n of ['2', 1.5, Number.NaN, [2], {}, true, 2n]) {
      expect(cost('query($n: Int) { files(first: $n) { id } }', { n }), String(n)).toBe(1001);
    }
  });

  it('reads page sizes from variables, then from their defaults, then from the table', () => {
    const source = 'query($n: Int = 10) { files(first: $n) { id } }';
    expect(cost(source, { n: 5 })).toBe(6);
    expect(cost(source)).toBe(11);
    expect(cost(source, { n: undefined })).toBe(11);
    expect(cost(source, { n: null })).toBe(26);
    expect(cost('query($n: Int) { files(first: $n) { id } }')).toBe(26);
    expect(cost('query($n: Int = null) { files(first: $n) { id } }')).toBe(26);
    expect(cost('{ files(first: $n) { id } }', { n: 5 })).toBe(6);
    expect(cost('query($n: Int = 99) { files(first: $n, last: 2) { id } }')).toBe(100);
  });

  it('reads nothing from the prototypes of its tables', () => {
    expect(cost('{ constructor { toString { hasOwnProperty { __proto__ } } } }')).toBe(4);
    expect(cost('query($toString: Int) { files(first: $toString) { id } }')).toBe(26);
    expect(cost('{ files(first: $__proto__) { id } }', Object.create(null))).toBe(26);
  });

  it('multiplies nested lists with each other', () => {
    expect(cost('{ files(first: 10) { nodes { files(first: 20) { id } } } }')).toBe(1 + 10 * (1 + 1 + 20));
  });

  it('multiplies a fragment by what encloses it at each place it is spread', () => {
    const fragment = 'fragment F on FileConnection { id name }';
    expect(cost(`{ ...F files(first: 10) { nodes { ...F } } } ${fragment}`)).toBe(2 + 1 + 10 * (1 + 2));
    expect(cost(`{ files(first: 10) { ... on FileConnection { ... { ...F } } } } ${fragment}`)).toBe(
      1 + 10 * 2,
    );
    expect(cost(`{ files(first: 10) { ${'...F '.repeat(1000)} } } ${fragment}`)).toBe(1 + 10 * 2000);
    expect(cost(`{ ...G ...G } fragment G on Query { files(first: 10) { ...F } } ${fragment}`)).toBe(2 * 21);
  });

  it('counts what is asked of each type that a union may be, each in its own lists', () => {
    const page = '... on File { id files(first: 10) { nodes { id } } }';
    expect(cost(`{ items(first: 5) { ${page} } }`)).toBe(1 + 5 * (1 + 1 + 10 * 2));
    expect(cost(`{ items(first: 5) { ${page} ... on User { name } __typename } }`)).toBe(
      1 + 5 * (1 + 1 + 10 * 2 + 2),
    );
    expect(
      cost('{ items { ...F } } fragment F on File { ...G } fragment G on Item { ... on User { id } }'),
    ).toBe(1 + 100);
  });

  it('counts introspection by its fields, without multiplying them', () => {
    expect(cost('{ __schema { types { fields { name } } } __typename }')).toBe(5);
  });

  it('counts only the operation that is to run, with its own variables', () => {
    const source =
      'query A($n: Int = 2) { ...F } query B($n: Int = 3) { ...F } fragment F on Query { files(first: $n) { id } }';
    expect(cost(source, {}, 'A')).toBe(3);
    expect(cost(source, {}, 'B')).toBe(4);
    expect(cost(source, {}, 'C')).toBe(0);
    expect(cost('query A { id }', {}, '')).toBe(1);
    expect(cost('fragment F on Query { id }')).toBe(0);
  });

  it('refuses a document that does not say which of its operations is to run', () => {
    expect(() => cost('query A { a } query B { b }')).toThrow('operationName must name one');
    expect(() => cost('query A { a } query A { b }', {}, 'A')).toThrow('operationName must name one');
  });

  it('refuses what costs more than the limit, and nothing that costs just as much', () => {
    const document = parse('{ files(first: 10) { id } }');
    expect(listCost(document, undefined, {}, { cost: 11 }, LISTS)).toBe(11);
    expect(() => listCost(document, undefined, {}, { cost: 10 }, LISTS)).toThrow(
      expect.objectContaining({
        code: 'BAD_USER_INPUT',
        message: expect.stringContaining('more than 10 values'),
      }),
    );
  });

  it('lets the largest page of whole files pass by default, but not seven of them', () => {
    const page = `files(first: 100) { edges { cursor node { ${SCALARS} } } pageInfo { hasNextPage endCursor } totalCount }`;
    expect(listCost(parse(`{ ${page} }`), undefined, {}, DEFAULT_LIMITS, LISTS)).toBe(3701);
    const many = Array.from({ length: 7 }, (_, i) => `a${i}: ${page}`).join(' ');
    expect(() => listCost(parse(`{ ${many} }`), undefined, {}, DEFAULT_LIMITS, LISTS)).toThrow(
      'more than 20000 values',
    );
  });

  it('refuses 100 KiB of nested fragments and lists without expanding them', () => {
    const layer = (i: number) => `fragment F${i} on FileConnection { ${`files{...F${i + 1}} `.repeat(80)}}`;
    const layers = Array.from({ length: 95 }, (_, i) => layer(i));
    const source = `{ files { ...F0 } } ${layers.join(' ')} fragment F95 on FileConnection { id }`;
    expect(source.length).toBeGreaterThan(100 * 1024);
    const document = parse(source);
    const before = performance.now();
    expect(() => listCost(document, undefined, {}, { cost: Number.MAX_VALUE / 1e10 }, LISTS)).toThrow(
      'values',
    );
    expect(performance.now() - before).toBeLessThan(5000);
  });
});
