/**
 * Writes schema.graphql, sorted, from the compiled classes, and schema.introspection.json beside it for generators
 * that read no SDL; run `npm run build` before. With `--check` nothing is written: the exit code tells whether
 * schema.graphql is up to date.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { introspectionFromSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { createSchema } from '../dist/graphql/schema.js';

const SDL = new URL('../schema.graphql', import.meta.url);
const INTROSPECTION = new URL('../schema.introspection.json', import.meta.url);

const schema = lexicographicSortSchema(await createSchema());
const text = `${printSchema(schema)}\n`;

if (process.argv.includes('--check')) {
  const committed = await readFile(SDL, 'utf8').catch(() => '');
  if (committed !== text) {
    process.stderr.write('schema.graphql is out of date: run `npm run generate`.\n');
    process.exitCode = 1;
  }
} else {
  await writeFile(SDL, text);
  await writeFile(INTROSPECTION, `${JSON.stringify(introspectionFromSchema(schema))}\n`);
}
