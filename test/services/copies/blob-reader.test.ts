import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BlobStore, ByteRange } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { storageFailure } from '../../../src/blobs/storage-failure.ts';
import type { Blob } from '../../../src/models/blob.ts';
import { BlobReader } from '../../../src/services/copies/blob-reader.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  blobNow,
  type CopyNode,
  contradictions,
  copyNode,
  namedStore,
  overwrite,
  storeBlob,
} from '../../support/nodes/copy-node.ts';

const CONTENT = randomBytes(700_000);
let database: TestDatabase;
let folder: string;
let local: BlobStore;
let other: BlobStore;
let node: CopyNode;
let reader: BlobReader;
let blob: Blob;
let fallbacks: { from: string; cause: unknown }[];

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-reader-'));
  local = await openLocalStore({ UPLOAD_PATH: folder });
  other = await namedStore('aws');
  node = copyNode(database.collections, [local, other], { backup: 'aws' });
  fallbacks = [];
  reader = new BlobReader(database.collections.blobs, node.stores, {
    fellBack: (_blob, { provider }, cause) => void fallbacks.push({ from: provider, cause }),
  });
  blob = await storeBlob(database.collections, local, CONTENT, { copyDueAt: new Date(0) });
  await node.work();
  blob = await now();
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const collection of Object.values(database.collections)) await collection.deleteMany();
  await rm(folder, { recursive: true, force: true });
});

const now = () => blobNow(database.collections, blob);
const alone = () =>
  database.collections.blobs.findByIdAndUpdate(blob._id, { $unset: { replicas: '' } }, AFTER).lean<Blob>();
const AFTER = { returnDocument: 'after' } as const;
async function read(range?: ByteRange, from?: Blob): Promise<Buffer> {
  const stream = await reader.open(from ?? (await reader.find(blob._id)), range);
  return Buffer.concat(await stream.toArray());
}
const unreachable = () => Promise.reject(storageFailure('unreachable', new Error('no answer')));
/** Opens a stream that ends as told before it gives a byte. */
const dying = (end: (stream: Readable) => void) => async () => {
  const stream = new Readable({ read() {} });
  setTimeout(() => end(stream), 20);
  return { size: CONTENT.length, stream };
};

describe('A content is read from its second copy', () => {
  const damages: [string, () => Promise<unknown> | unknown][] = [
    ['is missing', () => local.delete(blob.key)],
    ['is short', () => overwrite(local, blob.key, CONTENT.subarray(0, 1_000))],
    ['is too long', () => overwrite(local, blob.key, Buffer.concat([CONTENT, CONTENT]))],
  ];
  const failures: [string, () => Promise<unknown> | unknown][] = [
    ['cannot be reached', () => vi.spyOn(local, 'open').mockImplementation(unreachable)],
    [
      'breaks off before its first byte',
      () =>
        vi
          .spyOn(local, 'open')
          .mockImplementation(dying((stream) => stream.destroy(new Error('connection reset')))),
    ],
    [
      'is closed before its first byte',
      () => vi.spyOn(local, 'open').mockImplementation(dying((stream) => stream.destroy())),
    ],
  ];

  it.each([...damages, ...failures])('when the first %s', async (_how, damage) => {
    await damage();
    expect((await read()).equals(CONTENT)).toBe(true);
    expect((await read({ start: 5_000, end: 5_999 })).equals(CONTENT.subarray(5_000, 6_000))).toBe(true);
    expect(fallbacks.map(({ from }) => from)).toEqual(['local', 'local']);
    expect(fallbacks.every(({ cause }) => cause instanceof Error)).toBe(true);
  });

  it.each(damages)('and the first is repaired in the background when it %s', async (_how, damage) => {
    await damage();
    await read({ start: 5_000, end: 5_999 });
    await vi.waitFor(async () => expect((await now()).damagedAt).toBeInstanceOf(Date));
    await node.work();
    await node.disposal.deleteLeftovers(new Date(Date.now() + 7_200_000));
    expect(node.made).toEqual(['backup', 'repair']);
    expect(await contradictions(database.collections, [local, other])).toEqual([]);
    expect((await read()).equals(CONTENT)).toBe(true);
    expect(fallbacks).toHaveLength(1);
  });

  it.each(failures)('and nothing is noted of the first when it %s', async (_how, fail) => {
    await fail();
    await read();
    expect(await now()).toEqual(blob);
  });

  it('when the bytes of the first are known to be wrong', async () => {
    await overwrite(local, blob.key, randomBytes(CONTENT.length));
    await node.placement.noteDamage(blob, blob);
    expect((await read()).equals(CONTENT)).toBe(true);
    expect(fallbacks).toHaveLength(1);
  });

  it('when the first’s provider is no longer configured', async () => {
    const { stores } = copyNode(database.collections, [other]);
    reader = new BlobReader(database.collections.blobs, stores, { fellBack: () => undefined });
    expect((await read()).equals(CONTENT)).toBe(true);
  });
});

describe('A provider that did not answer', () => {
  it('is asked last for a while, so that not every read waits for it', async () => {
    const open = vi.spyOn(local, 'open').mockImplementation(unreachable);
    for (let i = 0; i < 5; i += 1) await read();
    expect(open).toHaveBeenCalledTimes(1);
    expect(fallbacks).toHaveLength(5);
  });

  it('is still asked where no other copy can be read', async () => {
    const open = vi.spyOn(local, 'open').mockImplementationOnce(unreachable);
    await read();
    vi.spyOn(other, 'open').mockImplementation(unreachable);
    expect((await read()).equals(CONTENT)).toBe(true);
    expect(open).toHaveBeenCalledTimes(2);
  });
});

describe('A content that has no second copy', () => {
  it.each([
    ['is lost', () => local.delete(blob.key)],
    ['is short', () => overwrite(local, blob.key, CONTENT.subarray(1))],
    ['is unreachable', () => vi.spyOn(local, 'open').mockImplementation(unreachable)],
  ])('fails as unavailable when it %s', async (_how, damage) => {
    await alone();
    await damage();
    await expect(read()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});

it('A content whose copies are both lost fails as unavailable, and both are noted', async () => {
  await local.delete(blob.key);
  await other.delete(blob.replicas?.[0]?.key ?? '');
  await expect(read()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  await vi.waitFor(async () => expect((await now()).copyDueAt).toBeInstanceOf(Date));
  expect(fallbacks).toEqual([]);
});

it('A second copy that is lost is made anew once a read needed it', async () => {
  vi.spyOn(local, 'open').mockImplementation(unreachable);
  await other.delete(blob.replicas?.[0]?.key ?? '');
  await expect(read()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  vi.restoreAllMocks();
  await vi.waitFor(async () => expect((await now()).copyDueAt).toBeInstanceOf(Date));
  await node.work();
  expect((await other.stat((await now()).replicas?.[0]?.key ?? '')).size).toBe(CONTENT.length);
});

it('A content that was moved since its document was read is read where it lies now', async () => {
  const before = (await alone()) ?? blob;
  const place = await node.copies.copy(before, before, other);
  await node.placement.becomePrimary(before, place);
  await local.delete(before.key);
  expect((await read(undefined, before)).equals(CONTENT)).toBe(true);
  expect(fallbacks).toEqual([]);
});

it('A range that begins beyond the content’s end is the caller’s fault, and no copy is asked', async () => {
  const opens = [vi.spyOn(local, 'open'), vi.spyOn(other, 'open')];
  const beyond = read({ start: CONTENT.length, end: CONTENT.length + 1 });
  await expect(beyond).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(opens.map(({ mock }) => mock.calls)).toEqual([[], []]);
  expect(await now()).toEqual(blob);
});

it('An empty content is read like any other', async () => {
  blob = await storeBlob(database.collections, local, Buffer.alloc(0), { copyDueAt: new Date(0) });
  await node.work();
  expect(await read()).toHaveLength(0);
  await local.delete(blob.key);
  expect(await read()).toHaveLength(0);
});
