import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type BlobStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { Stores } from '../../../src/blobs/stores.ts';
import type { Blob } from '../../../src/models/blob.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { StorageCheck } from '../../../src/services/check/storage-check.ts';
import type { Result } from '../../../src/services/check/storage-findings.ts';
import { BlobReferences } from '../../../src/services/copies/blob-references.ts';
import { NO_KEYS } from '../../../src/services/copies/content-keys.ts';
import { Leases } from '../../../src/services/leases.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  blobNow,
  contradictions,
  copyNode,
  namedStore,
  overwrite,
  storeBlob,
} from '../../support/nodes/copy-node.ts';

const HOUR = 3_600_000;
const CONTENT = randomBytes(5_000);
const OTHER_BYTES = randomBytes(CONTENT.length);
let database: TestDatabase;
let folder: string;
let local: BlobStore;
let other: BlobStore;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-last-copies-'));
  local = await openLocalStore({ UPLOAD_PATH: folder });
  other = await namedStore('aws');
});
afterEach(async () => {
  for (const collection of Object.values(database.collections)) await collection.deleteMany();
  await rm(folder, { recursive: true, force: true });
});

const node = (backup: string | null = null, graceMs = 0) =>
  copyNode(database.collections, [local, other], { backup, graceMs });
const store = (changes: Partial<Blob> = {}, where = local) =>
  storeBlob(database.collections, where, CONTENT, changes);
const now = (blob: Blob) => blobNow(database.collections, blob);
const tidy = () => node().disposal.deleteLeftovers(new Date(Date.now() + 2 * HOUR));
const problems = () => contradictions(database.collections, [local, other]);

async function move(from: string, to: string, graceMs = 0) {
  const observer = { copied: () => undefined, moved: () => undefined, failed: () => undefined };
  await node(null, graceMs).moves.move({ from, to }, { signal: new AbortController().signal, observer });
}

/** Refers to the content as an upload does that has just stored it. */
async function upload() {
  const references = new BlobReferences(database.collections, new Stores([local, other]), 0);
  const key = newBlobKey();
  const size = await local.put(key, Readable.from([CONTENT], { objectMode: false }));
  const hash = createHash('sha256').update(CONTENT).digest('hex');
  return references.acquire({ hash, size, key }, new ObjectId());
}

async function check() {
  const { collections } = database;
  const leases = new Leases(collections.leases);
  const { stores } = node();
  const results: Result[] = [];
  const observer = { result: (one: Result) => void results.push(one), progress: () => undefined };
  await new StorageCheck({ collections, stores, leases, graceMs: 0, blobGraceMs: 0, keys: NO_KEYS }).run(
    { repair: true },
    observer,
  );
  return results.map(({ kind, outcome }) => [kind, outcome]);
}

const bytesOf = async (blob: Blob) => {
  const { provider, key } = await now(blob);
  const { stream } = await (provider === 'aws' ? other : local).open(key);
  return Buffer.concat(await stream.toArray());
};

test('a move gives no good copy up for a second one at the target whose bytes have changed', async () => {
  const blob = await store({ copyDueAt: new Date(0) });
  await node('aws').work();
  await overwrite(other, (await now(blob)).replicas?.[0]?.key ?? '', OTHER_BYTES);
  await move('local', 'aws');
  await tidy();
  expect((await now(blob)).provider).toBe('aws');
  expect(CONTENT.equals(await bytesOf(blob))).toBe(true);
  expect(await problems()).toEqual([]);
});

test('an upload takes the place of a copy that is known to be wrong, even where its size is right', async () => {
  const blob = await store();
  await overwrite(local, blob.key, OTHER_BYTES);
  await node().placement.noteDamage(blob, blob);
  await upload();
  await tidy();
  expect(CONTENT.equals(await bytesOf(blob))).toBe(true);
  expect((await now(blob)).damagedAt).toBeUndefined();
});

test('an upload that takes the place of a lost copy leaves none beside itself at the same provider', async () => {
  const blob = await store({}, other);
  const replica = { provider: 'local', location: local.location, key: newBlobKey() };
  await local.put(replica.key, Readable.from([CONTENT], { objectMode: false }));
  await database.collections.blobs.updateOne({ _id: blob._id }, { $set: { replicas: [replica] } });
  await other.delete(blob.key);
  const healed = await upload();
  expect(healed).toMatchObject({ provider: 'local' });
  expect(healed).not.toHaveProperty('replicas');
  expect(healed.leftovers?.map(({ key }) => key)).toEqual([blob.key, replica.key]);
  await tidy();
  expect((await Array.fromAsync(local.list())).map(({ key }) => key)).toEqual([healed.key]);
});

test('a copy that was given up just now serves a repair while it is not deleted', async () => {
  const blob = await store();
  await move('local', 'aws', HOUR);
  await other.delete((await now(blob)).key);
  await node().placement.noteDamage(blob, await now(blob));
  await node().work();
  expect(CONTENT.equals(await bytesOf(blob))).toBe(true);
  expect((await now(blob)).damagedAt).toBeUndefined();

  await other.delete((await now(blob)).key);
  expect(await check()).toEqual([['missing', 'repaired']]);
  expect(CONTENT.equals(await bytesOf(blob))).toBe(true);
  await node().work();
  await tidy();
  expect(await problems()).toEqual([]);
});

test('whoever tells the files of a place that is given up meanwhile leaves word that they are to be told again', async () => {
  const blob = await store({ copyDueAt: new Date(0) });
  await move('local', 'aws');
  await node().placement.settle(blob);
  await node().work();
  await tidy();
  expect(await problems()).toEqual([]);
  expect((await now(blob)).copyDueAt).toBeUndefined();
});

test('files of a content that came back do so too when whoever brought it back died in between', async () => {
  const { blobs, files } = database.collections;
  const blob = await store({ copyDueAt: new Date(0) });
  await files.updateMany({ blob: blob._id }, { $set: { uploadStatus: 'FAILED', lostAt: new Date() } });
  await node().work();
  expect(await files.findOne({ blob: blob._id }).lean()).toMatchObject({ uploadStatus: 'COMPLETED' });
  expect(await files.exists({ lostAt: { $exists: true } })).toBeNull();

  await files.updateMany({ blob: blob._id }, { $set: { uploadStatus: 'FAILED', lostAt: new Date() } });
  await blobs.updateOne({ _id: blob._id }, { $set: { copyDueAt: new Date(0), lostAt: new Date() } });
  await node().work();
  expect(await files.findOne({ blob: blob._id }).lean()).toMatchObject({ uploadStatus: 'FAILED' });
});

test('a content that a node without the backup took in after all others were copied is found at the next start', async () => {
  await store();
  await node('aws').work();
  const since = await storeBlob(database.collections, local, OTHER_BYTES);
  await node('aws').work();
  expect((await now(since)).replicas).toMatchObject([{ provider: 'aws' }]);
  expect(await problems()).toEqual([]);
});
