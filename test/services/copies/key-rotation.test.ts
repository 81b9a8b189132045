import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { StoredFile } from '../../../src/models/file.ts';
import { commandsOf, explain } from '../../support/commands.ts';
import { masterKey, SealedBench, type SealedNode } from '../../support/sealed-bench.ts';

const never = new AbortController().signal;
const contents = (count: number) => Array.from({ length: count }, () => randomBytes(70_000));
let bench: SealedBench;
let former: SealedNode;
let node: SealedNode;

beforeAll(async () => {
  bench = await SealedBench.open();
});
afterAll(() => bench.database.close());
beforeEach(async () => {
  await bench.fill();
  former = bench.node(['old']);
  node = bench.node(['new', 'old']);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.empty();
});

async function rotate(by = node, signal = never) {
  const failures: string[] = [];
  const observer = { rewrapped: () => undefined, failed: (key: string) => void failures.push(key) };
  return { ...(await by.rotation.rotate(observer, signal)), failures };
}
const usesOf = async (by = node) =>
  (await by.rotation.uses()).map(({ name, state, blobs, uploads }) => [name, state, blobs, uploads]);
async function uploadAll(by: SealedNode, all: readonly Buffer[]): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  for (const content of all) files.push(await by.upload(content));
  return files;
}
async function expectUnder(keyId: string, files: readonly StoredFile[]): Promise<void> {
  for (const file of files) {
    expect((await bench.blobOf(file)).encryption).toMatchObject({ keyId });
    expect(await bench.told(file)).toMatchObject({ keyId });
  }
}

test('a rotation wraps every data key anew, leaves all contents as they are, and then has nothing to do', async () => {
  const all = contents(5);
  const files = await uploadAll(former, all);
  const later = await node.upload(randomBytes(10));
  const place = async (file: StoredFile) => {
    const { key, hash, size } = await bench.blobOf(file);
    return { key, hash, size };
  };
  const before = await Promise.all(files.map(place));
  expect(await usesOf()).toEqual([
    ['new', 'current', 1, 0],
    ['old', 'former', 5, 0],
  ]);
  expect(await rotate()).toEqual({ rewrapped: 5, failed: 0, failures: [] });
  await expectUnder('new', [...files, later]);
  expect(await Promise.all(files.map(place))).toEqual(before);
  expect(await rotate()).toEqual({ rewrapped: 0, failed: 0, failures: [] });
  expect(await usesOf()).toEqual([
    ['new', 'current', 6, 0],
    ['old', 'former', 0, 0],
  ]);
  const alone = bench.node(['new']);
  for (const [i, file] of files.entries())
    expect((await alone.read(file)).equals(all[i] as Buffer)).toBe(true);
});

test('no read and no upload fails while keys are rotated to and fro', async () => {
  const all = contents(4);
  const files = await uploadAll(former, all);
  const back = bench.node(['old', 'new']);
  let isOver = false;
  let reads = 0;
  const reading = (async () => {
    while (!isOver) {
      const i = reads % all.length;
      expect((await node.read(files[i] as StoredFile)).equals(all[i] as Buffer)).toBe(true);
      reads += 1;
    }
  })();
  const uploading = (async () => {
    while (!isOver) files.push(await node.upload(all[0] as Buffer), await former.upload(all[1] as Buffer));
  })();
  for (let i = 0; i < 6; i += 1) await rotate(i % 2 ? back : node);
  await rotate();
  isOver = true;
  await Promise.all([reading, uploading]);
  await rotate();
  // What was told by what had just been changed is told once more by the job.
  await node.copies.work();
  await expectUnder('new', files);
  expect(reads).toBeGreaterThan(0);
});

test('a rotation that was stopped goes on when it is begun again', async () => {
  const files = await uploadAll(former, contents(30));
  const stop = new AbortController();
  const reason = new Error('stopped');
  const failed = () => undefined;
  const stopped = node.rotation.rotate({ rewrapped: () => stop.abort(reason), failed }, stop.signal);
  await expect(stopped).rejects.toBe(reason);
  const left = (await usesOf())[1]?.[2] as number;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(30);
  expect(await rotate()).toMatchObject({ rewrapped: left, failed: 0 });
  await expectUnder('new', files);
});

test('two rotations at once wrap each key once, and agree with the files', async () => {
  const files = await uploadAll(former, contents(10));
  const [one, other] = await Promise.all([rotate(), rotate(bench.node(['new', 'old']))]);
  expect(one.rewrapped + other.rewrapped).toBe(10);
  await expectUnder('new', files);
});

test('a rotation that dies between the files and the blob is finished by the next', async () => {
  const [file] = (await uploadAll(former, contents(1))) as [StoredFile];
  const { blobs } = bench.database.collections;
  vi.spyOn(blobs.collection, 'updateOne').mockImplementation(() => Promise.reject(new Error('killed')));
  expect(await rotate()).toMatchObject({ rewrapped: 0, failed: 1 });
  vi.restoreAllMocks();
  expect(await rotate()).toMatchObject({ rewrapped: 1, failed: 0 });
  await expectUnder('new', [file]);
});

test('a content that is healed while its key is rotated keeps the key that it was healed with', async () => {
  const content = randomBytes(70_000);
  const file = await former.upload(content);
  const { blobs } = bench.database.collections;
  const update = blobs.collection.updateOne.bind(blobs.collection);
  vi.spyOn(blobs.collection, 'updateOne').mockImplementationOnce(async (...given) => {
    await bench.local.delete((await bench.blobOf(file)).key);
    await former.upload(content);
    return update(...(given as Parameters<typeof update>));
  });
  expect(await rotate()).toMatchObject({ rewrapped: 0, failed: 0 });
  await expectUnder('old', [file]);
  expect((await former.read(file)).equals(content)).toBe(true);
});

test('what a missing or a wrong master key wraps stays, is counted, and keeps nothing else', async () => {
  const [lost, bad, good] = await Promise.all(
    ['lost', 'bad', 'old'].map((name) => bench.node([name]).upload(randomBytes(100))),
  );
  const wrong = `bad:${masterKey('other').slice('other:'.length)}`;
  const by = bench.node(['new', 'old', wrong]);
  const { failures, ...done } = await rotate(by);
  expect(done).toEqual({ rewrapped: 1, failed: 2 });
  expect(failures.sort()).toEqual(['bad', 'lost']);
  expect((await usesOf(by)).map(([name, state]) => `${name} ${state}`).sort()).toEqual([
    'bad wrong',
    'lost missing',
    'new current',
    'old former',
  ]);
  await expectUnder('new', [good as StoredFile]);
  expect((await bench.node(['lost']).read(lost as StoredFile)).length).toBe(100);
  expect((await bench.node(['bad']).read(bad as StoredFile)).length).toBe(100);
});

test('the keys of direct uploads under way are rotated with the others', async () => {
  const announced = { originalName: 'a.txt', fileSize: 3_000 };
  const ticket = await former.services.directUploads.create(bench.viewer, announced);
  expect(await usesOf()).toEqual([
    ['new', 'current', 0, 0],
    ['old', 'former', 0, 1],
  ]);
  expect(await rotate()).toMatchObject({ rewrapped: 1, failed: 0 });
  const file = await bench.database.collections.files.findById(ticket.id).select('+direct').lean();
  expect(file?.direct?.encryption).toMatchObject({ keyId: 'new' });
});

test('every query of a rotation is answered by an index', async () => {
  const { connection, collections } = bench.database;
  await Promise.all(Object.values(collections).map((collection) => collection.createIndexes()));
  await uploadAll(former, contents(3));
  const commands = await commandsOf(connection, async () => {
    await node.rotation.unreadable();
    await rotate();
    await pause(10);
  });
  expect(commands.length).toBeGreaterThan(5);
  for (const command of commands) {
    for (const { stages } of await explain(connection, command)) {
      expect([...stages], JSON.stringify(command)).not.toContain('COLLSCAN');
      expect([...stages], JSON.stringify(command)).not.toContain('SORT');
    }
  }
});
