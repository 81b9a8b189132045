import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import type { Blob } from '../../../src/models/blob.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { blobNow, type CopyNode, copyNode, namedStore, storeBlob } from '../../support/nodes/copy-node.ts';

const HOUR = 3_600_000;
const CONTENT = randomBytes(1_500_000);
let database: TestDatabase;
let folder: string;
let local: BlobStore;
let other: BlobStore;
let node: CopyNode;
let blob: Blob;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-copies-'));
  local = await openLocalStore({ UPLOAD_PATH: folder });
  other = await namedStore('aws');
  node = copyNode(database.collections, [local, other], { graceMs: HOUR });
  blob = await storeBlob(database.collections, local, CONTENT);
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const collection of Object.values(database.collections)) await collection.deleteMany();
  await rm(folder, { recursive: true, force: true });
});

const now = () => blobNow(database.collections, blob);
const keysAt = async (store: BlobStore) => (await Array.fromAsync(store.list())).map(({ key }) => key);
const dies = () => Promise.reject(new Error('killed'));

describe('A blob that nothing refers to', () => {
  const condition = { refCount: 0, unreferencedAt: new Date(0) };

  it('goes with all its copies', async () => {
    const place = await node.copies.copy(blob, blob, other);
    await node.placement.becomeReplica(blob, place);
    await database.collections.files.deleteMany();
    await database.collections.blobs.updateOne({ _id: blob._id }, condition);
    expect(await node.disposal.deleteUnreferenced(new Date())).toBe(1);
    expect([await keysAt(local), await keysAt(other)]).toEqual([[], []]);
  });

  it('stays named as long as somebody may be writing a copy of it', async () => {
    const place = await node.copies.copy(blob, blob, other);
    await database.collections.files.deleteMany();
    await database.collections.blobs.updateOne({ _id: blob._id }, condition);
    expect(await node.disposal.deleteUnreferenced(new Date())).toBe(0);
    expect((await now()).leftovers).toMatchObject([place]);
    await node.disposal.deleteLeftovers(new Date(Date.now() + 2 * HOUR));
    expect(await node.disposal.deleteUnreferenced(new Date())).toBe(1);
    expect([await keysAt(local), await keysAt(other)]).toEqual([[], []]);
  });

  it('that cannot be deleted keeps none of the others', async () => {
    await storeBlob(database.collections, other, randomBytes(10));
    await database.collections.files.deleteMany();
    await database.collections.blobs.updateMany({}, condition);
    vi.spyOn(local, 'delete').mockImplementation(dies);
    await expect(node.disposal.deleteUnreferenced(new Date())).rejects.toThrow('killed');
    expect(await keysAt(other)).toEqual([]);
  });
});
