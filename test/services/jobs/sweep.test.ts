import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import mongoose from 'mongoose';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { heldFor, put as putAs, type UploadNode, uploadNode } from '../../support/nodes/upload-node.ts';

let database: TestDatabase;
let folder: string;
let store: BlobStore;
let viewer: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-sweep-'));
  store = await openLocalStore({ UPLOAD_PATH: folder });
  const users = database.collections.users;
  const user = await users.create({
    username: 'ann',
    email: 'a@example.org',
    password: 'x',
    quotaBytes: 100_000,
  });
  viewer = {
    userId: user._id,
    sessionId: new mongoose.Types.ObjectId(),
    role: user.role,
    isEmailVerified: false,
  };
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const collection of Object.values(database.collections)) await collection.deleteMany();
  await rm(folder, { recursive: true, force: true });
});

const node = (staleUpload?: number) => uploadNode(database, store, staleUpload);
const put = (services: UploadNode, content: string) => putAs(services, viewer, content);
const held = () => heldFor(viewer, database, store);

const NOTHING = { usedBytes: 0, claims: 0, files: [], refCounts: [], bytes: 0, sameKeys: true };
const ONE = { usedBytes: 5, claims: 0, files: ['COMPLETED'], refCounts: [1], bytes: 1, sameKeys: true };

/** Makes a step, and everything after it in that process, never happen. */
const dies = () => Promise.reject(new Error('killed'));
type Services = UploadNode;

/** An upload of a process that is killed where `kill` says: its undo never runs either. */
async function killedUpload(kill: (services: Services) => void, content = 'hello'): Promise<void> {
  const services = node();
  vi.spyOn(services.undo, 'undo').mockResolvedValue(false);
  kill(services);
  await put(services, content).catch(() => undefined);
  await services.uploads.idle();
  vi.restoreAllMocks();
}

const UPLOAD_CRASHES: [string, (services: Services) => void, 'nothing' | 'all'][] = [
  ['before the bytes are stored', () => vi.spyOn(store, 'put').mockImplementation(dies), 'nothing'],
  [
    'before the document, with the quota reserved',
    () => vi.spyOn(database.collections.files.collection, 'insertMany').mockImplementation(dies),
    'nothing',
  ],
  [
    'after the bytes, before the blob',
    ({ references }) => vi.spyOn(references, 'acquire').mockImplementation(dies),
    'nothing',
  ],
  [
    'after the blob, before the file is complete',
    () => vi.spyOn(database.collections.files.collection, 'bulkWrite').mockImplementation(dies),
    'nothing',
  ],
  [
    'after the file is complete, before anything is settled',
    ({ usage, references }) => {
      for (const ledger of [usage, references.ledger]) vi.spyOn(ledger, 'settleSoon').mockReturnValue();
    },
    'all',
  ],
  ['after the blob is settled', ({ usage }) => vi.spyOn(usage, 'settleSoon').mockReturnValue(), 'all'],
];

test.each(UPLOAD_CRASHES)('an upload killed %s is tidied exactly', async (_when, kill, left) => {
  await killedUpload(kill);
  await node().sweep.run();
  expect(await held()).toEqual(left === 'all' ? ONE : NOTHING);
});

test.each(UPLOAD_CRASHES)(
  'an upload of known content killed %s leaves that unharmed',
  async (_when, kill, left) => {
    const services = node();
    await put(services, 'hello');
    await services.uploads.idle();
    await killedUpload(kill);
    await node().sweep.run();
    const two = { ...ONE, usedBytes: 10, files: ['COMPLETED', 'COMPLETED'], refCounts: [2] };
    expect(await held()).toEqual(left === 'all' ? two : ONE);
  },
);

test.each<[string, (services: Services) => void]>([
  [
    'before any claim',
    ({ usage, references }) => {
      for (const ledger of [usage, references.ledger]) vi.spyOn(ledger, 'reclaim').mockImplementation(dies);
    },
  ],
  ['with one claim', ({ references }) => vi.spyOn(references.ledger, 'reclaim').mockImplementation(dies)],
  [
    'with both claims',
    () => vi.spyOn(database.collections.files, 'deleteOne').mockImplementation(dies as never),
  ],
  [
    'after the document',
    ({ usage, references }) => {
      for (const ledger of [usage, references.ledger]) vi.spyOn(ledger, 'release').mockImplementation(dies);
    },
  ],
  ['with one count given back', ({ usage }) => vi.spyOn(usage, 'release').mockImplementation(dies)],
])('a removal killed %s is carried on exactly', async (_when, kill) => {
  const services = node();
  const [file] = [await put(services, 'hello'), await put(services, 'hello')];
  await services.uploads.idle();
  const dying = node();
  kill(dying);
  await dying.purge.purge(file._id).catch(() => undefined);
  vi.restoreAllMocks();
  await node().sweep.run();
  expect(await held()).toEqual(ONE);
});

test('a file that is removed just when its upload is settled gives its counts back', async () => {
  const services = node();
  // The claims of an upload are settled some milliseconds after it; a removal may come at any of them.
  for (let round = 0; round < 40; round += 1) {
    const file = await put(services, 'hello');
    await new Promise((resolve) => setTimeout(resolve, round % 20));
    expect(await services.purge.purge(file._id)).toBe(true);
    await services.uploads.idle();
    expect(await held()).toMatchObject({ usedBytes: 0, claims: 0, files: [], refCounts: [0] });
  }
  await services.sweep.run();
  expect(await held()).toEqual(NOTHING);
});

test('nodes that sweep at once count nothing twice', async () => {
  const services = node();
  const files = await Promise.all(
    Array.from({ length: 40 }, (_, i) => put(services, i % 2 ? 'equal' : `no ${i}`)),
  );
  await services.uploads.idle();
  const ids = files.slice(0, 30).map(({ _id }) => _id);
  const killed = { uploadStatus: 'FAILED', purgingAt: new Date(Date.now() - 3_600_000) };
  await database.collections.files.updateMany({ _id: { $in: ids } }, { $set: killed } as never);
  await Promise.all(Array.from({ length: 4 }, () => node(60_000).sweep.run()));
  const kept = files.slice(30);
  expect(await held()).toMatchObject({
    usedBytes: kept.reduce((sum, { fileSize }) => sum + fileSize, 0),
    claims: 0,
    bytes: 6,
    sameKeys: true,
  });
  expect((await held()).refCounts.sort()).toEqual([1, 1, 1, 1, 1, 5]);
});

test('a database that refuses the document fails the upload and nothing else', async () => {
  const services = node();
  vi.spyOn(database.collections.files.collection, 'insertMany').mockImplementation(dies);
  const stream = new Readable({ read() {} });
  const incoming = { open: async () => ({ filename: 'a', mimeType: '', stream }) };
  // Its first bytes are long in coming: the failure must not stand unheard until then.
  await expect(services.uploads.upload(viewer, incoming, {}, AbortSignal.timeout(2_000))).rejects.toThrow(
    'killed',
  );
  expect(await held()).toEqual(NOTHING);
});

test('an upload that was taken for dead while it lived leaves nothing', async () => {
  const services = node();
  const acquire = services.references.acquire.bind(services.references);
  vi.spyOn(services.references, 'acquire').mockImplementation(async (...given) => {
    await node().sweep.run();
    return acquire(...given);
  });
  await expect(put(services, 'hello')).rejects.toMatchObject({ code: 'CONFLICT' });
  await node().sweep.run();
  expect(await held()).toMatchObject({ usedBytes: 0, claims: 0, files: [], sameKeys: true });
});

test('bytes that come after their upload was taken for dead do not stay', async () => {
  const services = node();
  const save = store.put.bind(store);
  vi.spyOn(store, 'put').mockImplementation(async (...given) => {
    const size = await save(...given);
    await store.delete(given[0]);
    await node().sweep.run();
    await save(given[0], Readable.from([Buffer.from('hello')], { objectMode: false }));
    return size;
  });
  vi.spyOn(services.references, 'acquire').mockImplementation(dies);
  await expect(put(services, 'hello')).rejects.toThrow('killed');
  await node().sweep.run();
  expect(await held()).toEqual(NOTHING);
});

test('nodes that store a content at once for the first time share it, whoever loses the race', async () => {
  const [one, other] = [node(), node()];
  let raced = false;
  for (const target of [database.collections.blobs, database.collections.blobs.collection]) {
    const original = target.bulkWrite.bind(target) as (...given: unknown[]) => Promise<unknown>;
    vi.spyOn(target, 'bulkWrite').mockImplementation((async (...given: unknown[]) => {
      // As the server answers it to an upsert that another one has overtaken.
      if (!raced && JSON.stringify(given).includes('setOnInsert')) {
        raced = true;
        await put(other, 'hello');
        const writeErrors = [{ index: 0, code: 11000 }];
        throw Object.assign(new Error('E11000'), { code: 11000, writeErrors, result: { upsertedIds: {} } });
      }
      return original(...given);
    }) as never);
  }
  await put(one, 'hello');
  expect(raced).toBe(true);
  await Promise.all([one.uploads.idle(), other.uploads.idle()]);
  expect(await held()).toMatchObject({ usedBytes: 10, refCounts: [2], bytes: 1, sameKeys: true });
});
