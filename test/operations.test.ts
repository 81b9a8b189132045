import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CODEGEN = join(
  dirname(createRequire(import.meta.url).resolve('@graphql-codegen/cli/package.json')),
  'esm/bin.js',
);

it('keeps the typed documents as schema.graphql and operations/ say', async () => {
  const run = promisify(execFile)(process.execPath, [CODEGEN, '--config', 'codegen.yml', '--check'], {
    cwd: ROOT,
  });
  const outcome = await run.then(
    () => 'fresh',
    ({ stdout, stderr }) => `run \`npm run generate\`:\n${stdout}${stderr}`,
  );
  expect(outcome).toBe('fresh');
});
