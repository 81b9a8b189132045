import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { UploadRun } from '../../../src/services/uploads/upload-run.ts';
import { UploadService } from '../../../src/services/uploads/uploads.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { heldFor, put, uploadNode } from '../../support/nodes/upload-node.ts';

const SILENT = { began: () => undefined, received: () => undefined, ended: () => undefined };
let database: TestDatabase;
let folder: string;
let store: BlobStore;
let viewer: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-taken-for-dead-'));
  store = await openLocalStore({ UPLOAD_PATH: folder });
  const account = { username: 'ann', email: 'a@example.org', password: 'x', quotaBytes: 100_000 };
  const user = await database.collections.users.create(account);
  viewer = { userId: user._id, sessionId: new ObjectId(), role: user.role, isEmailVerified: false };
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const collection of Object.values(database.collections)) await collection.deleteMany();
  await rm(folder, { recursive: true, force: true });
});

/** A node whose uploads show at every moment that they live. */
function nervousNode() {
  const services = uploadNode(database, store);
  const run = new UploadRun({ ...services, rules: services.run.rules, observer: SILENT, heartbeatMs: 0 });
  return { ...services, run, uploads: new UploadService({ ...services, run }) };
}

/** Lets something happen once the bytes are stored, and before the upload knows. */
function afterTheBytes(step: () => Promise<unknown>): void {
  const save = store.put.bind(store);
  vi.spyOn(store, 'put').mockImplementation(async (...given) => {
    const size = await save(...given);
    await step();
    return size;
  });
}

test('bytes that are deleted since their upload was taken for dead become nobody’s content', async () => {
  const services = nervousNode();
  const acquire = vi.spyOn(services.references, 'acquire');
  afterTheBytes(() => uploadNode(database, store).sweep.run());
  await expect(put(services, viewer, 'hello')).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(acquire).not.toHaveBeenCalled();
  await uploadNode(database, store).sweep.run();
  expect(await heldFor(viewer, database, store)).toMatchObject({
    usedBytes: 0,
    claims: 0,
    files: [],
    bytes: 0,
  });
});

test('an upload that shows a sign of life when it is just to be undone is left alone', async () => {
  const services = nervousNode();
  const patient = uploadNode(database, store, 60_000);
  const { files } = database.collections;
  const undoStale = patient.undo.undoStale.bind(patient.undo);
  const beat = services.records.beat.bind(services.records);
  vi.spyOn(patient.undo, 'undoStale').mockImplementation(async (id, before) => {
    await beat(id);
    return undoStale(id, before);
  });
  const silence = vi.spyOn(services.records, 'beat').mockResolvedValue(true);
  afterTheBytes(async () => {
    await files.updateMany({}, { heartbeatAt: new Date(Date.now() - 100_000) });
    await patient.sweep.step('uploads');
    silence.mockRestore();
  });
  await put(services, viewer, 'hello');
  expect(patient.undo.undoStale).toHaveBeenCalledOnce();
  await services.uploads.idle();
  expect(await heldFor(viewer, database, store)).toMatchObject({
    usedBytes: 5,
    files: ['COMPLETED'],
    bytes: 1,
  });
});
