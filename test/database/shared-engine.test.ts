import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { defaultCacheDirectory } from '../../src/database/cache-directory.ts';
import { type EmbeddedEngine, startEmbeddedEngine } from '../../src/database/embedded-engine.ts';
import { sharedEngine } from '../../src/database/shared-engine.ts';

vi.setConfig({ testTimeout: 180_000 });
const RECORD = 'imaginary-storage.socket';

let folder: string;
let running: EmbeddedEngine[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shared-engine-test-'));
  running = [];
});
afterEach(async () => {
  for (const engine of running) await engine.stop();
  await rm(folder, { recursive: true, force: true });
});

const directory = (name = 'db') => join(folder, name);
async function start(name?: string, shared = true): Promise<EmbeddedEngine> {
  const engine = await startEmbeddedEngine({
    directory: directory(name),
    cacheDirectory: defaultCacheDirectory(),
    log: () => undefined,
    shared,
  });
  running.push(engine);
  return engine;
}

test('is found while it runs, and no longer once it is stopped', async () => {
  expect(await sharedEngine(directory())).toBeNull();
  const engine = await start();
  expect(await sharedEngine(directory())).toBe(engine.uri);
  await engine.stop();
  expect(await sharedEngine(directory())).toBeNull();
});

test('one that keeps to its own process is not found', async () => {
  await start('db', false);
  expect(await sharedEngine(directory())).toBeNull();
});

test('what a killed engine left is not taken for one', async () => {
  const engine = await start();
  const record = await readFile(join(directory(), RECORD), 'utf8');
  process.kill(engine.pid, 'SIGKILL');
  await engine.died;
  expect(await readFile(join(directory(), RECORD), 'utf8'), 'it leaves its record').toBe(record);
  expect(await sharedEngine(directory())).toBeNull();
});

test('an engine of another directory is not taken for this one’s', async () => {
  const other = await start('other');
  await start('db', false);
  await writeFile(join(directory(), RECORD), decodeURIComponent(other.uri.slice('mongodb://'.length)));
  expect(await sharedEngine(directory())).toBeNull();
  expect(await sharedEngine(directory('other'))).toBe(other.uri);
});

test('whatever else listens on the socket is not taken for one', async () => {
  const engine = await start('db', false);
  const socket = join(folder, 'other.sock');
  const server = createServer((connection) => connection.on('error', () => undefined).end('hello')).listen(
    socket,
  );
  await writeFile(join(directory(), RECORD), socket);
  try {
    expect(await sharedEngine(directory())).toBeNull();
    expect(engine.pid).toBeGreaterThan(0);
  } finally {
    server.close();
  }
});
