import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newAzureContainer } from '../../support/backends/azure-container.ts';
import { register, upload } from '../../support/client.ts';
import { expectFailure } from '../../support/failed-command.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const PROGRAM = fileURLToPath(new URL('../../../dist/cli/imaginary.js', import.meta.url));

let folder: string;
let server: RunningServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-pipes-'));
  const { env } = await newAzureContainer();
  server = await startServer({ ...env, STORAGE_PROVIDERS: 'azure' });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

type Stdout = 'pipe' | number;

function start(args: string[], stdout: Stdout) {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: server.env,
    cwd: folder,
    timeout: 30_000,
    stdio: ['ignore', stdout, 'pipe'],
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return { child, ended: once(child, 'close').then(([code]) => ({ code, stdout: '', stderr })) };
}

test('a result that cannot be written, as to a full disk, is told of and ends with 1', async () => {
  const full = await open('/dev/full', 'w');
  try {
    expectFailure(await start(['jobs', 'list'], full.fd).ended, 1, /output could not be written: .*ENOSPC/);
  } finally {
    await full.close();
  }
});

test('a reader that goes away early is no failure', async () => {
  const { child, ended } = start(['jobs', 'list'], 'pipe');
  child.stdout?.destroy();
  expect(await ended).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('work goes on to its end when nobody listens to what is told about it', async () => {
  const { token } = await register(server.origin);
  await upload(server.origin, token, { content: 'hello', filename: 'a.txt' });
  const blobs = join(server.dataPath, 'blobs');
  for (const name of await readdir(blobs)) {
    if (name !== 'tmp') await rm(join(blobs, name), { recursive: true });
  }
  const { child, ended } = start(['storage', 'move', '--from', 'local', '--to', 'azure'], 'pipe');
  child.stderr?.destroy();
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  expect((await ended).code).toBe(1);
  expect(stdout).toMatch(/^1 blob could not be moved/m);
});
