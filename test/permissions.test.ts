import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ROOT } from './support/documents.ts';

it('spec/security/permissions.md is what the schema and the routes of the build need', async () => {
  const script = join(ROOT, 'scripts/emit-permissions.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--print'], { timeout: 60_000 });
  expect(stdout).toMatch(/^\| `Mutation\.login` /m);
  expect(stdout).toMatch(/^\| `.*POST.* \/graphql` /m);
  const page = readFileSync(join(ROOT, 'spec/security/permissions.md'), 'utf8');
  expect(page, 'run `npm run generate`').toBe(stdout);
});
