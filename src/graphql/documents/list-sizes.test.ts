import { buildSchema, type GraphQLObjectType, isCompositeType, isObjectType, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { createSchema } from '../schema.ts';
import { listFieldsOf, listsOf } from './list-sizes.ts';

describe('The lists of a schema', () => {
  const schema = buildSchema(`
    type Query { pages(first: Int): [T!]! fives(last: Int = 5): T plain: [T]! nested: [[T!]!]! names: [String!]! one: T some: TConnection }
    type T { plain: [T!] names: [String!]! choice: [Choice!] }
    union Choice = T
    type TConnection { nodes: [T!]! edges: [TEdge!]! pageInfo: String }
    type TEdge { node: T }
  `);

  it('are its connections, its fields with `first` or `last`, and its lists of objects, but not those of a page', () => {
    expect(listFieldsOf(schema).map(({ field, usual }) => `${field} ${usual}`)).toEqual([
      'Query.pages 100',
      'Query.fives 5',
      'Query.plain 100',
      'Query.nested 100',
      'Query.some 100',
      'T.plain 100',
      'T.choice 100',
    ]);
  });

  it('are found in a document by their types, whatever their names and aliases are', () => {
    const document = parse(
      '{ plain: one { plain { x: plain { names } } } ...F } fragment F on Query { some { nodes { choice { ... on T { plain { names } } } } } }',
    );
    const found = [...listsOf(schema)(document).keys()].map(({ name, alias }) => alias?.value ?? name.value);
    expect(found).toEqual(['plain', 'x', 'some', 'choice', 'plain']);
  });

  it('are looked for once in a document', () => {
    const document = parse('{ plain { names } }');
    const lists = listsOf(schema);
    expect(lists(document)).toBe(lists(document));
  });
});

describe('The lists of the API', () => {
  it('are all counted: every connection, and every list of objects outside of a page', async () => {
    const schema = await createSchema();
    const listed = new Map(listFieldsOf(schema).map((list) => [list.field, list]));
    const text = (type: GraphQLObjectType) =>
      Object.values(type.getFields()).map((field) => ({
        name: `${type.name}.${field.name}`,
        type: String(field.type),
      }));
    const fields = Object.values(schema.getTypeMap())
      .filter((type) => isObjectType(type) && !type.name.startsWith('__'))
      .flatMap((type) => text(type as GraphQLObjectType));
    // By the printed types alone, so that nothing here rests on what is tested.
    const many = fields.filter(({ name, type }) => {
      const bare = type.replaceAll(/[[\]!]/g, '');
      if (/Connection!?$/.test(type)) return true;
      return (
        type.includes('[') && isCompositeType(schema.getType(bare) as never) && !/Connection\./.test(name)
      );
    });
    expect(many.length).toBeGreaterThan(5);
    expect(many.filter(({ name }) => (listed.get(name)?.usual ?? 0) < 2)).toEqual([]);
    expect(listed.get('Query.files')).toMatchObject({ usual: 25 });
    expect(listed.get('Query.tags')).toMatchObject({ usual: 50 });
  });
});
