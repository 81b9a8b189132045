/**
 * Writes schema.graphql, sorted, from the compiled classes (run `npm run build` before), and for generators that
 * read no SDL the same as dist/schema.introspection.json.
 */
import { writeFile } from 'node:fs/promises';
import { introspectionFromSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { createSchema } from '../dist/graphql/schema.js';

const schema = lexicographicSortSchema(await createSchema());
await writeFile(new URL('../schema.graphql', import.meta.url), `${printSchema(schema)}\n`);
await writeFile(
  new URL('../dist/schema.introspection.json', import.meta.url),
  `${JSON.stringify(introspectionFromSchema(schema), null, 2)}\n`,
);
