import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import type { Blob } from '../../../src/models/blob.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { MoveOptions, MoveOrder } from '../../../src/services/copies/blob-moves.ts';
import { BlobReader } from '../../../src/services/copies/blob-reader.ts';
import { Throttle } from '../../../src/services/copies/throttle.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  blobNow,
  contradictions,
  copyNode,
  namedStore,
  overwrite,
  storeBlob,
} from '../../support/nodes/copy-node.ts';

const ORDER: MoveOrder = { from: 'local', to: 'aws' };
const HOUR = 3_600_000;
let database: TestDatabase;
let folder: string;
let local: BlobStore;
let other: BlobStore;
let third: BlobStore;
let moved: string[];
let failed: unknown[];

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-moves-'));
  local = await openLocalStore({ UPLOAD_PATH: folder });
  [other, third] = [await namedStore('aws'), await namedStore('gcp')];
  [moved, failed] = [[], []];
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const collection of Object.values(database.collections)) await collection.deleteMany();
  await rm(folder, { recursive: true, force: true });
});

const node = (backup: string | null = null) =>
  copyNode(database.collections, [local, other, third], { backup });
const store = (content = randomBytes(10_000), changes: Partial<Blob> = {}, user?: ObjectId) =>
  storeBlob(database.collections, local, content, changes, user);
const options = (changes: Partial<MoveOptions> = {}): MoveOptions => ({
  signal: new AbortController().signal,
  observer: {
    copied: () => undefined,
    moved: (_blob, adopted) => void moved.push(adopted ? 'adopted' : 'copied'),
    failed: (_blob, error) => void failed.push(error),
  },
  ...changes,
});
const now = (blob: Blob) => blobNow(database.collections, blob);
const tidy = () => node().disposal.deleteLeftovers(new Date(Date.now() + 2 * HOUR));
const problems = () => contradictions(database.collections, [local, other, third]);
const keysAt = async (place: BlobStore) => (await Array.fromAsync(place.list())).length;

test('a move takes every content to the other provider, and its files tell so', async () => {
  for (let i = 0; i < 9; i += 1) await store(randomBytes(i * 1_000));
  const one = node();
  expect(await one.moves.sum(ORDER)).toEqual({ blobs: 9, bytes: 36_000 });
  expect(await one.moves.move(ORDER, options())).toEqual({ blobs: 9, bytes: 36_000 });
  expect([moved, failed]).toEqual([Array(9).fill('copied'), []]);
  expect(await keysAt(local)).toBe(9);
  expect(await tidy()).toBe(9);
  expect([await problems(), await keysAt(local), await keysAt(other)]).toEqual([[], 0, 9]);
  expect(await one.moves.move(ORDER, options())).toEqual({ blobs: 0, bytes: 0 });
});

test('a second copy at the target becomes the first without being copied, and a new second one is due', async () => {
  const blob = await store(undefined, { copyDueAt: new Date(0) });
  await node('aws').work();
  const replica = (await now(blob)).replicas?.[0];
  const put = vi.spyOn(other, 'put');
  const one = node('gcp');
  await one.moves.move(ORDER, options());
  expect([moved, put.mock.calls]).toEqual([['adopted'], []]);
  expect(await now(blob)).toMatchObject({ provider: 'aws', key: replica?.key });
  await one.work();
  await tidy();
  expect((await now(blob)).replicas).toMatchObject([{ provider: 'gcp' }]);
  expect([await problems(), await keysAt(local)]).toEqual([[], 0]);
});

test('a second copy at the target that is not whole is not taken for one', async () => {
  const blob = await store(undefined, { copyDueAt: new Date(0) });
  await node('aws').work();
  await overwrite(other, (await now(blob)).replicas?.[0]?.key ?? '', randomBytes(5));
  await node('aws').moves.move(ORDER, options());
  await tidy();
  expect([moved, await problems(), await keysAt(other)]).toEqual([['copied'], [], 1]);
});

test('a content whose first copy is lost is moved from its second', async () => {
  const blob = await store(undefined, { copyDueAt: new Date(0) });
  await node('gcp').work();
  await local.delete(blob.key);
  await node('gcp').moves.move(ORDER, options());
  await node('gcp').work();
  await tidy();
  expect([moved, failed, await problems()]).toEqual([['copied'], [], []]);
});

test('a content that cannot be moved is told and stays, the others are moved', async () => {
  const blobs = [await store(), await store(), await store()];
  const bad = blobs[1] as Blob;
  await overwrite(local, bad.key, randomBytes(10_000));
  expect((await node().moves.move(ORDER, options())).blobs).toBe(2);
  expect(failed).toMatchObject([{ message: expect.stringContaining('SHA-256') }]);
  expect(await now(bad)).toMatchObject({ provider: 'local', damagedAt: expect.any(Date) });
});

test('what comes to the old provider while a move runs is moved too', async () => {
  for (let i = 0; i < 3; i += 1) await store();
  const open = local.open.bind(local);
  let late = 0;
  vi.spyOn(local, 'open').mockImplementation(async (...given) => {
    late += 1;
    // Every other one is made on another machine, whose clock is slow.
    const _id = ObjectId.createFromTime(Date.now() / 1000 - 60 - late);
    if (late <= 5) await store(randomBytes(100 + late), late % 2 ? {} : { _id });
    return open(...given);
  });
  expect((await node().moves.move(ORDER, options())).blobs).toBe(8);
  await tidy();
  expect([await problems(), await keysAt(local)]).toEqual([[], 0]);
});

test('a move of one user’s contents, or of old ones, leaves the others', async () => {
  const user = await database.collections.users.create({
    username: 'Ann',
    email: 'ann@example.org',
    password: 'x',
  });
  await store(randomBytes(10), {}, user._id);
  await store(randomBytes(20), { createdAt: new Date(Date.now() - 40 * 24 * HOUR) });
  await store(randomBytes(30));
  const { moves } = node();
  for (const text of ['ann', 'Ann@example.org', String(user._id)]) {
    expect(await moves.userOf(text)).toEqual(user._id);
  }
  await expect(moves.userOf('bob')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await moves.move({ ...ORDER, userId: user._id }, options())).toEqual({ blobs: 1, bytes: 10 });
  const before = new Date(Date.now() - 30 * 24 * HOUR);
  expect(await moves.move({ ...ORDER, before }, options())).toEqual({ blobs: 1, bytes: 20 });
  expect(await moves.sum(ORDER)).toEqual({ blobs: 1, bytes: 30 });
});

test('a move that is stopped takes back what is in flight, and goes on when it is begun again', async () => {
  for (let i = 0; i < 8; i += 1) await store(randomBytes(100_000 + i));
  const stop = new AbortController();
  const rate = new Throttle(500_000);
  setTimeout(() => stop.abort(new Error('enough')), 700);
  const began = performance.now();
  await expect(node().moves.move(ORDER, options({ signal: stop.signal, rate }))).rejects.toThrow('enough');
  expect(performance.now() - began).toBeLessThan(2_000);
  const done = await database.collections.blobs.countDocuments({ provider: 'aws' });
  expect([await keysAt(other), done < 8]).toEqual([done, true]);
  await node().moves.move(ORDER, options());
  await tidy();
  expect([await problems(), await keysAt(other), await keysAt(local)]).toEqual([[], 8, 0]);
});

test('no read fails while contents move and their old copies are deleted at once', async () => {
  const blobs = await Promise.all(Array.from({ length: 12 }, (_, i) => store(randomBytes(50_000 + i))));
  const { stores, disposal } = node();
  const fellBack: unknown[] = [];
  const reader = new BlobReader(database.collections.blobs, stores, {
    fellBack: (...given) => void fellBack.push(given),
  });
  let isOver = false;
  let reads = 0;
  const reading = Promise.all(
    blobs.map(async ({ _id, size }) => {
      while (!isOver) {
        const chunks = await (await reader.open(await reader.find(_id))).toArray();
        expect(Buffer.concat(chunks).length).toBe(size);
        reads += 1;
      }
    }),
  );
  const sweeping = (async () => {
    while (!isOver) await disposal.deleteLeftovers();
  })();
  await node().moves.move(ORDER, options({ rate: new Throttle(1_000_000) }));
  isOver = true;
  await Promise.all([reading, sweeping]);
  await tidy();
  expect(reads).toBeGreaterThan(blobs.length);
  expect([fellBack, failed, await problems(), await keysAt(local)]).toEqual([[], [], [], 0]);
});
