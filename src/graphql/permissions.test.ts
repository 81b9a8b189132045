import 'reflect-metadata';
import { GraphQLObjectType, GraphQLSchema, GraphQLString, graphql, parse, subscribe } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { FieldNeed } from './permissions.ts';
import { guard, permissionsOf } from './permissions.ts';

const USER = { role: 'USER', key: undefined };
const needs = (need?: FieldNeed) => ({
  type: GraphQLString,
  resolve: () => 'told',
  extensions: need ? { needs: need } : {},
});
const query = (fields: Record<string, object>) =>
  new GraphQLSchema({ query: new GraphQLObjectType({ name: 'Query', fields: fields as never }) });

describe('A schema is refused', () => {
  it('with a query, a mutation or a subscription that does not say what it needs, and names each', () => {
    const root = (name: string) =>
      new GraphQLObjectType({
        name,
        fields: { ruled: needs('session'), open: needs(), bare: { type: GraphQLString } },
      });
    const schema = new GraphQLSchema({
      query: root('Query'),
      mutation: root('Mutation'),
      subscription: root('Subscription'),
    });
    const missing = ['Query', 'Mutation', 'Subscription'].flatMap((name) => [`${name}.open`, `${name}.bare`]);
    let message = '';
    try {
      guard(schema);
    } catch (error) {
      message = (error as Error).message;
    }
    for (const name of missing) expect(message).toContain(name);
    expect(message).not.toContain('ruled');
  });

  it('with a computed field of an object that does not say what it needs', () => {
    const thing = new GraphQLObjectType({
      name: 'Thing',
      fields: { simple: { type: GraphQLString }, secret: needs() },
    });
    const schema = query({ thing: { type: thing, extensions: { needs: 'session' } } });
    expect(() => guard(schema)).toThrow(/@Needs.*: Thing\.secret$/);
  });

  it('with a root field that would inherit, having nothing to inherit from', () => {
    expect(() => guard(query({ all: needs('inherited') }))).toThrow('Query.all');
  });
});

describe('A guarded field', () => {
  const viewers = { nobody: null, user: USER, reader: { ...USER, key: { scopes: ['files:read'] } } };
  const run = (schema: GraphQLSchema, source: string, viewer: keyof typeof viewers) =>
    graphql({ schema, source, rootValue: { plain: 'told' }, contextValue: { viewer: viewers[viewer] } });

  it('holds its need before its resolver runs, also where it has none of its own', async () => {
    let ran = 0;
    const resolve = () => {
      ran += 1;
      return 'told';
    };
    const schema = guard(
      query({
        own: { ...needs('session'), resolve },
        plain: { type: GraphQLString, extensions: { needs: 'files:read' } },
      }),
    );
    for (const viewer of ['nobody', 'reader'] as const) {
      expect((await run(schema, '{ own }', viewer)).data).toEqual({ own: null });
    }
    expect(ran).toBe(0);
    expect((await run(schema, '{ own }', 'user')).data).toEqual({ own: 'told' });
    expect((await run(schema, '{ plain }', 'nobody')).data).toEqual({ plain: null });
    expect((await run(schema, '{ plain }', 'reader')).data).toEqual({ plain: 'told' });
  });

  it('holds it of an object’s simple field that names one', async () => {
    const fields = {
      open: { type: GraphQLString },
      kept: { type: GraphQLString, extensions: { needs: 'session' } },
    };
    const thing = new GraphQLObjectType({ name: 'Thing', fields });
    const given = {
      type: thing,
      resolve: () => ({ open: 'told', kept: 'told' }),
      extensions: { needs: 'files:read' },
    };
    const schema = guard(query({ given }));
    expect((await run(schema, '{ given { open kept } }', 'reader')).data).toEqual({
      given: { open: 'told', kept: null },
    });
  });

  it('holds it before anything is subscribed to', async () => {
    let listeners = 0;
    async function* events() {
      yield { news: 'told' };
    }
    const news = {
      type: GraphQLString,
      extensions: { needs: 'session' },
      subscribe: () => {
        listeners += 1;
        return events();
      },
    };
    const schema = guard(
      new GraphQLSchema({
        query: new GraphQLObjectType({ name: 'Query', fields: { own: needs('session') } }),
        subscription: new GraphQLObjectType({ name: 'Subscription', fields: { news } }),
      }),
    );
    const ask = (viewer: unknown) =>
      subscribe({ schema, document: parse('subscription { news }'), contextValue: { viewer } });
    expect(await ask(null)).toHaveProperty('errors.length', 1);
    expect(await ask(viewers.reader)).toHaveProperty('errors.length', 1);
    expect(listeners).toBe(0);
    expect(await ask(USER)).toHaveProperty('next');
  });

  it('is listed with what it needs', () => {
    const schema = guard(query({ own: needs('session'), all: needs('files:read or anonymous') }));
    expect(permissionsOf(schema)).toEqual([
      { field: 'Query.own', need: 'session' },
      { field: 'Query.all', need: 'files:read or anonymous' },
    ]);
  });
});
