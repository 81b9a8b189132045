import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import mongoose from 'mongoose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { type Collections, collectionsOf } from '../../../src/models/collections.ts';
import { UploadStatus } from '../../../src/models/file-enums.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { UploadRequest } from '../../../src/models/upload-request.ts';
import { NO_LIMITS } from '../../../src/services/limits/rate-limits.ts';
import { AccessWatch } from '../../../src/services/sharing/permissions/access-watch.ts';
import { RequestDrops } from '../../../src/services/sharing/requests/request-drops.ts';
import { RequestPlaces } from '../../../src/services/sharing/requests/request-places.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { Mortal } from '../../support/mortal.ts';
import { someone } from '../../support/nodes/folder-node.ts';
import { uploadNode } from '../../support/nodes/upload-node.ts';

const WRITES = ['insertMany', 'updateOne', 'updateMany', 'findOneAndUpdate', 'deleteOne', 'bulkWrite'];
const DAY_MS = 24 * 3_600_000;

let database: TestDatabase;
let directory: string;
let store: BlobStore;
let owner: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  directory = await mkdtemp(join(tmpdir(), 'imaginary-storage-places-'));
  store = await openLocalStore({ UPLOAD_PATH: directory });
  owner = await someone(database.collections);
});
afterAll(async () => {
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

async function requested(facts: object): Promise<UploadRequest> {
  const who = { userId: owner.userId, createdBy: owner.userId, folder: new ObjectId() };
  const tokenHash = new ObjectId().toHexString();
  const made = await database.collections.uploadRequests.create({
    ...{ ...who, tokenHash, allowedTypes: [], files: 0, maxFiles: 1 },
    ...facts,
  });
  return made.toObject() as UploadRequest;
}

function nodeOf(collections: Collections, where = store) {
  const node = uploadNode({ ...database, collections }, where);
  const drops = new RequestDrops({
    ...{ collections, places: new RequestPlaces(collections), uploads: node.uploads, watch: node.watch },
    ...{ access: { stillWorks: async () => true }, accessWatch: new AccessWatch(), limits: NO_LIMITS },
    audit: { record: async () => undefined },
  });
  return { ...node, drops };
}

function drop(node: ReturnType<typeof nodeOf>, request: UploadRequest, content = `${request._id}`) {
  const stream = Readable.from([Buffer.from(content)], { objectMode: false });
  const incoming = { filename: 'a.txt', mimeType: 'text/plain', stream };
  return node.drops.drop(request, incoming, new AbortController().signal);
}

/** What the request says of its places, beside the files that came. */
async function standing({ _id, folder }: UploadRequest) {
  const { files, uploadRequests } = database.collections;
  const now = await uploadRequests.findById(_id).orFail().lean();
  const came = await files.countDocuments({ folder, uploadStatus: UploadStatus.COMPLETED });
  return { came, files: now.files, claims: now.claims?.length ?? 0, hasEnded: Boolean(now.goneAfter) };
}

test.each(['before', 'after'] as const)(
  'a drop whose process dies at any step, %s its effect, takes a place for good where its file came, and none else',
  { timeout: 60_000 },
  async (when) => {
    const outcomes = new Set<number>();
    let step = 0;
    for (let lived = false; !lived; ) {
      step += 1;
      const request = await requested({});
      const mortal = new Mortal(step, when);
      const connection = await mongoose.createConnection(database.uri).asPromise();
      const collections = collectionsOf(connection);
      const { blobs, files, users, uploadRequests } = collections;
      for (const { collection } of [blobs, files, users, uploadRequests]) mortal.seize(collection, WRITES);
      const dying = nodeOf(collections, mortal.grip(store, ['put', 'delete']));
      await drop(dying, request).catch(() => undefined);
      await dying.uploads.idle();
      await connection.close();
      lived = !mortal.isDead;
      await nodeOf(database.collections).sweep.run();
      const { came, ...told } = await standing(request);
      const place = `killed at step ${step}`;
      expect(told, place).toEqual({ files: came, claims: 0, hasEnded: came === 1 });
      outcomes.add(came);
    }
    expect(step).toBeGreaterThan(6);
    expect([...outcomes].sort()).toEqual([0, 1]);
  },
);

test('a place is free again at once where the file is refused, and taken at once where it came', async () => {
  const node = nodeOf(database.collections);
  const request = await requested({ maxFileSize: 3 });
  await expect(drop(node, request, 'too long')).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  expect(await standing(request)).toEqual({ came: 0, files: 0, claims: 0, hasEnded: false });
  await drop(node, request, 'fit');
  expect(await standing(request)).toEqual({ came: 1, files: 1, claims: 0, hasEnded: true });
  await expect(drop(node, request, 'one')).rejects.toMatchObject({ code: 'GONE' });
});

test('a request is removed 30 days after it was used up, also where it never expires, but not one with places left', async () => {
  const node = nodeOf(database.collections);
  const used = await requested({});
  const expiring = await requested({ expiresAt: new Date(Date.now() - DAY_MS) });
  const left = await requested({ maxFiles: 2 });
  const endless = await requested({ maxFiles: null });
  for (const request of [used, expiring, left, endless]) await drop(node, request);
  const end = async ({ _id }: UploadRequest) => {
    const { goneAfter } = await database.collections.uploadRequests.findById(_id).orFail().lean();
    return goneAfter && Math.round((goneAfter.getTime() - Date.now()) / DAY_MS);
  };
  expect([await end(used), await end(expiring), await end(left), await end(endless)]).toEqual([
    30,
    29,
    undefined,
    undefined,
  ]);
});
