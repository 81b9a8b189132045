import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ROOT } from './support/documents.ts';

const run = promisify(execFile);

/** What the fuzzer says, and with which code it ends. */
const fuzzed = (...args: string[]) =>
  run(process.execPath, [join(ROOT, 'fuzz/run.mjs'), ...args], { timeout: 90_000 }).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (error) => ({ code: error.code, text: `${error.stdout}${error.stderr}` }),
  );

it('The fuzzer runs, tries every target and finds nothing in five seconds', {
  timeout: 100_000,
}, async () => {
  const { code, text } = await fuzzed('--seconds', '5', '--seed', '1');
  expect(code, text).toBe(0);
  for (const target of ['range', 'names', 'cursors', 'links', 'tokens', 'config', 'sockets', 'multipart']) {
    const tried = [...text.matchAll(new RegExp(`^${target}: .*: (\\d+) inputs$`, 'gm'))].map(([, n]) =>
      Number(n),
    );
    expect([target, tried.length > 0 && tried.every((inputs) => inputs > 0)]).toEqual([target, true]);
  }
});

it('The fuzzer refuses what it does not know', async () => {
  expect((await fuzzed('--only', 'nothing')).code).toBe(2);
  expect((await fuzzed('--seconds', '0')).code).toBe(2);
});
