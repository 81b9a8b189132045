import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import {
  buildSchema,
  findBreakingChanges,
  findDangerousChanges,
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLNamedType,
  GraphQLScalarType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isObjectType,
  isSpecifiedScalarType,
  isUnionType,
  lexicographicSortSchema,
  parse,
  printSchema,
  validate,
} from 'graphql';
import { beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { ENVIRONMENT } from '../src/config.ts';
import { createSchema } from '../src/graphql/schema.ts';
import { anchorsOf, documents, linksOf, ROOT } from './support/documents.ts';
import { examplesOf, runExamples } from './support/examples.ts';
import { startServer } from './support/server.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const README = 'README.md';

/** A variable as a document names it; the default is empty where there is none. */
interface Variable {
  name: string;
  default: string;
  sentence: string;
}

describe('the environment', () => {
  const declared = Object.entries(ENVIRONMENT).map(([name, schema]) => ({
    name,
    default: defaultOf(schema),
    sentence: schema.description ?? '',
  }));

  it('says something of every variable', () => {
    expect(declared.length).toBeGreaterThan(20);
    expect(declared.filter(({ sentence }) => sentence === '')).toEqual([]);
  });

  it('is what .env.example names', () => {
    const named = read('.env.example').matchAll(/^# (.+)\n# ([A-Z][A-Z0-9_]*)=(.*)$/gm);
    expect(
      byName([...named].map(([, sentence = '', name = '', value = '']) => variable(name, value, sentence))),
    ).toEqual(byName(declared));
  });

  it('is what spec/deployment/environment.md names', () => {
    const rows = read('spec/deployment/environment.md').matchAll(
      /^\| `([A-Z][A-Z0-9_]*)` \| (.*?) \| (.*?) \|$/gm,
    );
    const named = [...rows].map(([, name = '', value = '', sentence = '']) => {
      const shown = /^`(.*)`$/.exec(value)?.[1];
      if (shown === undefined && !['none', 'empty'].includes(value))
        throw new Error(`${name} has no default: ${value}`);
      return variable(name, shown ?? '', sentence);
    });
    expect(byName(named)).toEqual(byName(declared));
  });

  const variable = (name: string, value: string, sentence: string): Variable => ({
    name,
    default: value,
    sentence,
  });
  const byName = (variables: readonly Variable[]) =>
    [...variables].sort((a, b) => (a.name < b.name ? -1 : 1));
});

describe('schema.graphql', () => {
  let schema: GraphQLSchema;
  beforeAll(async () => {
    schema = lexicographicSortSchema(await createSchema());
  });

  it('is what the classes emit', () => {
    expect(read('schema.graphql'), 'run `npm run generate`').toBe(`${printSchema(schema)}\n`);
  });

  it('describes every type, field, argument and enum value', () => {
    const types = Object.values(schema.getTypeMap()).filter(
      (type) => !type.name.startsWith('__') && !isSpecifiedScalarType(type),
    );
    expect(types.length).toBeGreaterThan(25);
    expect(types.flatMap(undescribed)).toEqual([]);
  });

  it('renames and drops nothing of the contract', () => {
    const contract = buildSchema(read('test/fixtures/contract.graphql'));
    const breaking = findBreakingChanges(contract, schema).map(({ description }) => description);
    expect(breaking).toEqual([]);
    const defaults = findDangerousChanges(contract, schema).filter(
      ({ type }) => type === 'ARG_DEFAULT_VALUE_CHANGE',
    );
    expect(defaults).toEqual([]);
  });
});

describe('the documents', () => {
  const all = documents();

  it.each(all)('$path leads nowhere that is not there', ({ path, text }) => {
    const lost = linksOf(text).filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : normalize(join(dirname(path), file));
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(read(target)).includes(anchor);
    });
    expect(lost).toEqual([]);
  });

  it.each(all)('$path names only scripts that there are', ({ text }) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/\bnpm run ([a-z:-]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('the README maps only what is there', () => {
    const map = /^## A map\n([\s\S]*?)(?=^## )/m.exec(read(README))?.[1] ?? '';
    const paths = [...map.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, cell = '']) => [
      ...cell.matchAll(/`(.*?)`/g),
    ]);
    expect(paths.length).toBeGreaterThan(15);
    expect(paths.map(([, path = '']) => path).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it.each(all)('$path shows GraphQL that the schema takes', async ({ fences }) => {
    const schema = await createSchema();
    const wrong = fences
      .filter(({ kind }) => kind === 'graphql')
      .flatMap(({ text, line }) => validate(schema, parse(text)).map(({ message }) => `${line}: ${message}`));
    expect(wrong).toEqual([]);
  });

  it.each(all)('$path calls the server only in examples that are run', ({ fences }) => {
    const others = fences.filter(({ kind, text }) => kind !== 'sh' && /\bcurl\b/.test(text));
    expect(others).toEqual([]);
  });

  const run = all.filter((document) => examplesOf(document).length > 0);

  it('there are examples', () => {
    expect(run.map(({ path }) => path)).toContain(README);
    expect(run.flatMap(examplesOf).length).toBeGreaterThan(30);
  });

  it.each(run)('$path shows examples that do what it says', { timeout: 120_000 }, async (document) => {
    const server = await startServer();
    try {
      expect(await runExamples(document, server)).toEqual([]);
    } finally {
      await server.stop();
    }
  });
});

/** The text a variable has when it is not set; empty when it then has none. */
function defaultOf(schema: z.ZodType): string {
  const { def } = schema as unknown as { def: { type: string; innerType: z.ZodType; defaultValue: unknown } };
  if (def.type === 'optional') return defaultOf(def.innerType);
  return def.type === 'prefault' || def.type === 'default' ? String(def.defaultValue) : '';
}

type Described = GraphQLNamedType | GraphQLArgument | GraphQLInputField;

function undescribed(type: GraphQLNamedType): string[] {
  const silent = (things: readonly Pick<Described, 'name' | 'description'>[], parent: string) =>
    things.filter(({ description }) => !description).map(({ name }) => parent + name);
  const own = silent([type], '');
  if (type instanceof GraphQLScalarType || isUnionType(type)) return own;
  if (isEnumType(type)) return [...own, ...silent(type.getValues(), `${type.name}.`)];
  if (isInputObjectType(type)) return [...own, ...silent(Object.values(type.getFields()), `${type.name}.`)];
  if (!isObjectType(type)) return [...own, `${type.name} is of a kind that this test does not know`];
  const fields = Object.values(type.getFields());
  const args = fields.flatMap((field) => silent(field.args, `${type.name}.${field.name}.`));
  return [...own, ...silent(fields, `${type.name}.`), ...args];
}
