import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import mongoose from 'mongoose';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { defaultCacheDirectory } from '../../src/database/cache-directory.ts';
import { type EmbeddedEngine, startEmbeddedEngine } from '../../src/database/embedded-engine.ts';

const cacheDirectory = defaultCacheDirectory();
const ENGINE_MODULE = new URL('../../src/database/embedded-engine.ts', import.meta.url).href;
const FIRST_START_MS = 180_000;
vi.setConfig({ testTimeout: FIRST_START_MS });
let directory: string;
let cleanUp: (() => Promise<unknown>)[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'embedded-engine-test-'));
  cleanUp = [];
});

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  await rm(directory, { recursive: true, force: true });
});

async function start(logged: string[] = [], patienceMs?: number): Promise<EmbeddedEngine> {
  const log = (message: string) => void logged.push(message);
  const options = { directory, cacheDirectory, log };
  const engine = await startEmbeddedEngine(patienceMs === undefined ? options : { ...options, patienceMs });
  cleanUp.push(() => engine.stop());
  return engine;
}

/** An API stand-in: a Node process of its own that starts the engine and goes on with `then`. */
function runParent(then: string): ChildProcess {
  const program = `
    const { startEmbeddedEngine } = await import(${JSON.stringify(ENGINE_MODULE)});
    const options = ${JSON.stringify({ directory, cacheDirectory })};
    const engine = await startEmbeddedEngine({ ...options, log: () => {} });
    ${then}`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanUp.push(async () => parent.kill('SIGKILL'));
  return parent;
}

async function startInAnotherProcess(): Promise<{ parent: ChildProcess; uri: string; pid: number }> {
  const parent = runParent(
    `process.stdout.write(JSON.stringify({ uri: engine.uri, pid: engine.pid }) + '\\n');`,
  );
  const lines = createInterface({ input: parent.stdout as NodeJS.ReadableStream });
  const [line] = (await once(lines, 'line')) as [string];
  return { parent, ...(JSON.parse(line) as { uri: string; pid: number }) };
}

async function withCollection<T>(uri: string, use: (notes: mongoose.mongo.Collection) => Promise<T>) {
  const client = new mongoose.mongo.MongoClient(`${uri}/imaginaryStorage`);
  try {
    return await use(client.db().collection('notes'));
  } finally {
    await client.close();
  }
}

const count = (uri: string) => withCollection(uri, (notes) => notes.countDocuments());

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function socketOf({ uri }: { uri: string }): string {
  return decodeURIComponent(uri.slice('mongodb://'.length));
}

test('serves a driver over its address, with a database named after it', async () => {
  const engine = await start();
  await withCollection(engine.uri, async (notes) => {
    await notes.insertOne({ text: 'hello' });
    expect(await notes.findOne({}, { projection: { _id: 0 } })).toEqual({ text: 'hello' });
    expect(notes.dbName).toBe('imaginaryStorage');
  });
});

test('serves mongoose, indexes and unique violations included', async () => {
  const engine = await start();
  const connection = await mongoose.createConnection(`${engine.uri}/imaginaryStorage`).asPromise();
  try {
    const schema = new mongoose.Schema({ email: { type: String, unique: true } });
    const User = connection.model('User', schema);
    await User.init();
    await User.create({ email: 'a@example.org' });
    await expect(User.create({ email: 'a@example.org' })).rejects.toMatchObject({ code: 11000 });
  } finally {
    await connection.close();
  }
});

test('keeps its data over a stop and a start', async () => {
  const first = await start();
  await withCollection(first.uri, (notes) => notes.insertOne({}));
  await first.stop();
  const second = await start();
  expect(await count(second.uri)).toBe(1);
});

test('keeps every journaled write when both processes are killed', async () => {
  const { parent, uri, pid } = await startInAnotherProcess();
  await withCollection(uri, async (notes) => {
    for (let n = 0; n < 200; n++) await notes.insertOne({ n }, { writeConcern: { w: 1, journal: true } });
    process.kill(pid, 'SIGKILL');
    parent.kill('SIGKILL');
  });
  const engine = await start();
  expect(await count(engine.uri)).toBe(200);
  await expect(access(dirname(socketOf({ uri }))), 'the killed engine left its socket').rejects.toThrow();
});

test('closes by itself when its parent is killed, and an immediate restart waits for it', async () => {
  const { parent, uri } = await startInAnotherProcess();
  await withCollection(uri, async (notes) => {
    await notes.insertMany(Array.from({ length: 20_000 }, (_, n) => ({ n, text: 'x'.repeat(200) })));
    parent.kill('SIGKILL');
  });
  const engine = await start();
  expect(await count(engine.uri)).toBe(20_000);
  await expect(access(socketOf({ uri }))).rejects.toThrow();
});

test('refuses a directory that another engine serves, and leaves that one serving', async () => {
  const first = await start();
  const logged: string[] = [];
  await expect(start(logged, 300)).rejects.toThrow(
    `The data directory ${directory} is already in use by another imaginaryStorage`,
  );
  expect(logged).toEqual([`Waiting for another process to let go of ${directory}`]);
  expect(await count(first.uri)).toBe(0);
});

test('tells when its process is killed, and cleans up after it', async () => {
  const engine = await start();
  process.kill(engine.pid, 'SIGKILL');
  const reason = await engine.died;
  expect(reason).toBeInstanceOf(Error);
  expect(reason.message).toBe('The embedded MongoDB engine died: its process ended with signal SIGKILL');
  await expect(access(dirname(socketOf(engine)))).rejects.toThrow();
  await engine.stop();
});

test('outlives the signals that a terminal or a service manager sends to everybody', async () => {
  const engine = await start();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(engine.pid, signal);
  await delay(300);
  expect(await count(engine.uri)).toBe(0);
});

test('stops once however often it is told, and leaves neither process nor socket', async () => {
  const engine = await start();
  let died = false;
  void engine.died.then(() => {
    died = true;
  });
  await Promise.all([engine.stop(), engine.stop()]);
  await engine.stop();
  expect(isAlive(engine.pid)).toBe(false);
  await expect(access(dirname(socketOf(engine)))).rejects.toThrow();
  expect(died).toBe(false);
});

test('lets its parent end by itself once stopped', async () => {
  const parent = runParent('await engine.stop();');
  const timer = AbortSignal.timeout(FIRST_START_MS / 2);
  expect(await once(parent, 'exit', { signal: timer })).toEqual([0, null]);
});

test('rejects with the name of a directory it cannot open, and leaves no process', async () => {
  await writeFile(join(directory, 'storage.bson'), 'not what the engine wrote');
  await expect(start()).rejects.toThrow(`The embedded MongoDB engine did not start on ${directory}: `);
});
