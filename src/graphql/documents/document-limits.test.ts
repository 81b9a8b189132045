import { buildSchema, type DocumentNode, getIntrospectionQuery, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../errors.ts';
import { checkDocument, DEFAULT_LIMITS, type DocumentLimits, parseBounded } from './document-limits.ts';

const NONE: DocumentLimits = {
  length: Number.MAX_SAFE_INTEGER,
  maxTokens: Number.MAX_SAFE_INTEGER,
  depth: Number.MAX_SAFE_INTEGER,
  introspectionDepth: Number.MAX_SAFE_INTEGER,
  introspections: Number.MAX_SAFE_INTEGER,
  rootFields: Number.MAX_SAFE_INTEGER,
  selections: Number.MAX_SAFE_INTEGER,
  aliases: Number.MAX_SAFE_INTEGER,
  directives: Number.MAX_SAFE_INTEGER,
  fragments: Number.MAX_SAFE_INTEGER,
  inputDepth: Number.MAX_SAFE_INTEGER,
};

function refusal(source: string, limits: Partial<DocumentLimits>): string | undefined {
  try {
    checkDocument(parse(source), { ...NONE, ...limits });
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.code).toBe('BAD_USER_INPUT');
    return error.message;
  }
}

/** The document has exactly this many of the counted thing: it passes with that limit and fails with one less. */
function expectExactly(limit: keyof DocumentLimits, count: number, source: string): void {
  expect(refusal(source, { [limit]: count }), source).toBeUndefined();
  expect(refusal(source, { [limit]: count - 1 }), source).toContain(`more than ${count - 1} `);
}

describe('checkDocument', () => {
  it('counts the levels of fields, also through fragments', () => {
    expectExactly('depth', 1, '{ a b c }');
    expectExactly('depth', 3, '{ a { b { c } } d { e } }');
    expectExactly('depth', 3, '{ ... on Query { a { ... { b { c } } } } }');
    expectExactly('depth', 4, '{ a { ...F } } fragment F on X { b { ...G } } fragment G on X { c { d } }');
    expectExactly(
      'depth',
      3,
      '{ shallow: ...F } fragment F on X { a }'.replace('shallow: ', 'a { b { ...F } } '),
    );
  });

  it('counts the levels below __schema and __type apart', () => {
    const source = '{ a { b } __schema { types { fields { name } } } }';
    expectExactly('depth', 2, source);
    expectExactly('introspectionDepth', 3, source);
    expectExactly(
      'introspectionDepth',
      2,
      '{ __type(name: "X") { ...F } } fragment F on __Type { fields { name } }',
    );
    expectExactly('depth', 3, '{ a { b { __typename } } }');
  });

  it('counts introspections', () => {
    expectExactly(
      'introspections',
      3,
      '{ a: __schema { x } b: __type(name: "X") { y } ...F } fragment F on Q { __schema { z } }',
    );
  });

  it('counts the root fields of each operation by itself, also in fragments', () => {
    expectExactly('rootFields', 3, '{ a { x y z w } b ...F } fragment F on Q { c { v } }');
    expectExactly('rootFields', 2, 'query A { a b } query B { c d }');
    expectExactly(
      'rootFields',
      3,
      'mutation { ... { a } ... { b } ...F } fragment F on M { ...G } fragment G on M { c }',
    );
  });

  it('counts aliases as often as their fragment is spread', () => {
    expectExactly('aliases', 2, '{ x: a y: b c }');
    expectExactly('aliases', 7, '{ x: a ...F ...F ...F } fragment F on Q { y: b z: c { d } }');
  });

  it('counts selections of all operations and of unspread fragments after expansion', () => {
    expectExactly('selections', 4, '{ a b { c d } }');
    expectExactly('selections', 5, '{ ... { a } ...F } fragment F on Q { b c }');
    expectExactly('selections', 3, 'query A { a } query B { b c }');
    expectExactly('selections', 3, '{ a } fragment F on Q { b c }');
    expectExactly('selections', 1000 + 2000, `{ ${'...F '.repeat(1000)} } fragment F on Q { a b }`);
  });

  it('counts directives wherever they stand', () => {
    expectExactly(
      'directives',
      6,
      'query A($v: Int @d) @d { a @d ...F @d ... @d { b } } fragment F on Q @d { c }',
    );
    expectExactly('directives', 1000, `{ a ${'@d '.repeat(1000)} }`);
    expectExactly('directives', 6, '{ ...F ...F ...F } fragment F on Q { a @x b @y }');
  });

  it('counts fragment definitions, spread or not', () => {
    expectExactly('fragments', 2, '{ ...F } fragment F on Q { a } fragment G on Q { b }');
  });

  it('counts the levels of lists and objects in values and types, wherever they stand', () => {
    expectExactly('inputDepth', 3, '{ a(b: [{ c: [1] }], d: [[2]]) }');
    expectExactly('inputDepth', 2, '{ a { ... { b @d(e: [[]]) } } }');
    expectExactly('inputDepth', 2, 'query($v: [[Int]]) { a }');
    expectExactly('inputDepth', 2, 'query($v: A = { b: {} }) { a }');
    expectExactly('inputDepth', 1, '{ a } fragment F on Q { b(c: {}) }');
  });

  it('refuses a cycle of fragments that nothing reaches', () => {
    expect(refusal('{ a } fragment F on Q { ...G } fragment G on Q { ...F }', {})).toContain(
      'spreads itself',
    );
  });

  it('lets definitions pass that validation will refuse', () => {
    expect(refusal('type A { b: Int } extend schema @x', {})).toBeUndefined();
  });

  it('lets the standard introspection queries pass by default', () => {
    const everything = {
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      experimentalDirectiveDeprecation: true,
      oneOf: true,
    };
    for (const source of [getIntrospectionQuery(), getIntrospectionQuery(everything)]) {
      const document = parseBounded(source, DEFAULT_LIMITS);
      expect(document).toBeDefined();
      expect(() => document && checkDocument(document, DEFAULT_LIMITS)).not.toThrow();
    }
  });

  it('refuses by default a batch of logins, a deep query and a flood of one field', () => {
    const logins = Array.from({ length: 21 }, (_, i) => `a${i}: login(input: {}) { accessToken }`);
    expect(refusal(`mutation { ${logins.join(' ')} }`, DEFAULT_LIMITS)).toContain('20 fields at the root');
    expect(refusal(`${'{ a '.repeat(13)}${'}'.repeat(13)}`, DEFAULT_LIMITS)).toContain('12 levels of fields');
    expect(refusal(`{ me { ${'id '.repeat(1000)} } }`, DEFAULT_LIMITS)).toContain('600 fields and fragments');
  });

  it('measures 100 KiB that expand beyond any number without expanding them', () => {
    const layer = (i: number) => `fragment F${i} on Q { ${`...F${i + 1} `.repeat(75)}}`;
    const layers = Array.from({ length: 180 }, (_, i) => layer(i));
    const source = `{ ...F0 } ${layers.join(' ')} fragment F180 on Q { x: a @d { b } }`;
    expect(source.length).toBeGreaterThan(100 * 1024);
    const document = parse(source);

    const before = performance.now();
    for (const limit of ['selections', 'aliases', 'directives', 'rootFields'] as const) {
      expect(() => checkDocument(document, { ...NONE, [limit]: Number.MAX_VALUE })).toThrow('more than');
    }
    expect(() => checkDocument(document, { ...NONE, fragments: 50 })).toThrow('50 fragments');
    expect(performance.now() - before).toBeLessThan(5000);
  });
});

describe('parseBounded', () => {
  it('gives the document', () => {
    expect(parseBounded('{ a }', { ...NONE, maxTokens: 3 })).toMatchObject({ kind: 'Document' });
  });

  it('refuses a source with more tokens than allowed', () => {
    expect(() => parseBounded('{ a }', { ...NONE, maxTokens: 2 })).toThrow(
      'The document has more than 2 tokens.',
    );
    expect(() => parseBounded(`{ ${'a '.repeat(40_000)} }`, DEFAULT_LIMITS)).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT' }),
    );
  });

  it('refuses a source that is longer than allowed, before it reads any of it', () => {
    expect(parseBounded('{ a }', { ...NONE, length: 5 })).toBeDefined();
    expect(() => parseBounded('{ a }', { ...NONE, length: 4 })).toThrow('more than 4 characters');
    expect(() => parseBounded('{'.repeat(200_000), DEFAULT_LIMITS)).toThrow('more than 102400 characters');
  });

  it('leaves every other syntax error to the server', () => {
    for (const source of [
      '',
      '{',
      '{ a',
      '}',
      '{ a(b: "',
      '\0',
      '{ a } "tokens. Parsing aborted."',
      '# only a comment',
    ]) {
      expect(parseBounded(source, DEFAULT_LIMITS), JSON.stringify(source)).toBeUndefined();
    }
  });

  it('refuses nesting that exhausts the stack of the parser', () => {
    const depth = 100_000;
    const sources = [
      '{a'.repeat(depth) + '}'.repeat(depth),
      `{a(b:${'['.repeat(depth)}${']'.repeat(depth)})}`,
      `{a(b:${'{c:'.repeat(depth)}1${'}'.repeat(depth)})}`,
      `query($v:${'['.repeat(depth)}Int${']'.repeat(depth)}){a}`,
      '{...'.repeat(depth),
    ];
    for (const source of sources) {
      expect(() => parseBounded(source, NONE), source.slice(0, 12)).toThrow(
        expect.objectContaining({ code: 'BAD_USER_INPUT', message: 'The document nests too deeply.' }),
      );
    }
  });

  it('lets through no nesting that would exhaust the stack of validation', () => {
    const schema = buildSchema(
      'input In { in: In } scalar Any type Query { a(any: Any, in: In): Int q: Query }',
    );
    let validated = 0;
    for (const depth of [10, 20, 200, 500, 1000, 1500, 2000, 2400]) {
      const list = `a(any: ${'['.repeat(depth)}${']'.repeat(depth)})`;
      const object = `a(in: ${'{in:'.repeat(depth)}null${'}'.repeat(depth)})`;
      const inline = `${'...{'.repeat(depth)}a${'}'.repeat(depth)}`;
      for (const body of [list, `${list} ${list}`, object, `${object} ${object}`, inline]) {
        let document: DocumentNode | undefined;
        try {
          document = parseBounded(`{ ${body} }`, DEFAULT_LIMITS);
          if (document !== undefined) checkDocument(document, DEFAULT_LIMITS);
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_USER_INPUT' });
          continue;
        }
        expect(document && validate(schema, document)).toEqual([]);
        validated++;
      }
    }
    expect(validated).toBe(10);
  });
});
