import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { asAdmin, runningScanner, scanNode } from '../../support/nodes/scan-node.ts';
import { put } from '../../support/nodes/upload-node.ts';
import { miscounts, versionsOn } from '../../support/nodes/version-node.ts';
import { EICAR } from '../../support/virus-signatures.ts';

let database: TestDatabase;
let folder: string;
let store: BlobStore;
let owner: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-infected-versions-'));
  store = await openLocalStore({ UPLOAD_PATH: folder });
});
beforeEach(async () => {
  const { users, files, blobs } = database.collections;
  for (const collection of [users, files, blobs]) await (collection as typeof files).deleteMany();
  const user = await users.create({ username: 'ann', email: 'ann@example.org', password: 'x' });
  owner = { userId: user._id, sessionId: new ObjectId(), role: user.role, isEmailVerified: true };
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const scanning = (options = {}) => versionsOn(scanNode(database, store, options), database);
const code = (name: string) => expect.objectContaining({ code: name });

it('leaves a file as it was over which something infected is uploaded; that goes into quarantine by itself', async () => {
  const { over, service, reader, quarantine, idle } = scanning();
  const file = await put(scanning() as never, owner, 'clean');
  await expect(over(owner, file, EICAR)).rejects.toEqual(code('INFECTED'));
  await idle();
  expect(await service.get(owner, file.id)).toMatchObject({ fileSize: 5, uploadStatus: 'COMPLETED' });
  expect(await reader.ofFiles([file.id])).toEqual([[]]);
  const { nodes } = await quarantine.list({});
  expect(nodes).toHaveLength(1);
  expect(await miscounts(owner, database)).toEqual([]);
  const held = nodes[0]?.file.id ?? '';
  expect(await quarantine.purge(asAdmin(owner), held)).toBe(true);
  expect(await miscounts(owner, database)).toEqual([]);
});

it('keeps a file that has replaced what is found infected later, and never goes back to that', async () => {
  const unscanned = scanning({ scanner: null });
  const file = await put(unscanned as never, owner, EICAR);
  await unscanned.over(owner, file, 'clean');
  await unscanned.idle();
  const { work, service, reader, versions, copies, idle } = scanning();
  await work();
  const shown = await service.get(owner, file.id);
  expect(shown).toMatchObject({ fileSize: 5, uploadStatus: 'COMPLETED' });
  const [[infected] = []] = await reader.ofFiles([file.id]);
  const id = infected?.id ?? '';
  await expect(versions.restore(owner, file.id, id)).rejects.toEqual(code('INFECTED'));
  await copies.copy(owner, file.id, {});
  await versions.remove(owner, file.id, id);
  await idle();
  expect(await miscounts(owner, database)).toEqual([]);
});

it('quarantines a file that goes back to a content just before that is found infected', async () => {
  const unscanned = scanning({ scanner: null });
  const file = await put(unscanned as never, owner, EICAR);
  await unscanned.over(owner, file, 'clean');
  await unscanned.idle();
  const { work, versions, reader } = scanning();
  const [[version] = []] = await reader.ofFiles([file.id]);
  // A scan that ends while the file is being changed: it tells the files of the content, of which this is none yet.
  const { files, blobs } = database.collections;
  const swap = files.collection.updateOne.bind(files.collection);
  Object.defineProperty(files.collection, 'updateOne', {
    configurable: true,
    value: async (...given: Parameters<typeof swap>) => {
      if (Array.isArray(given[1])) {
        Reflect.deleteProperty(files.collection, 'updateOne');
        await work();
      }
      return swap(...given);
    },
  });
  await versions.restore(owner, file.id, version?.id ?? '').catch(() => undefined);
  await blobs.collection.updateMany({ scanDueAt: { $exists: true } }, { $set: { scanDueAt: new Date(0) } });
  await work();
  expect(await files.findById(file._id).select('+quarantinedAt').lean()).toMatchObject({
    ...{ uploadStatus: 'FAILED', quarantinedAt: expect.any(Date) },
  });
});

it('lets nobody have a version that waits for a scan, until there was one', async () => {
  const waiting = scanning({ scanner: runningScanner('127.0.0.1:1'), policy: 'scan-later' });
  const file = await put(waiting as never, owner, 'one');
  await waiting.idle();
  expect(file.isAwaitingScan).toBe(true);
  const { over, reader, versions, service, work, idle } = scanning();
  await over(owner, file, 'two');
  await idle();
  const [[version] = []] = await reader.ofFiles([file.id]);
  const id = version?.id ?? '';
  const now = await service.get(owner, file.id);
  expect(now.isAwaitingScan).toBeUndefined();
  await expect(reader.asItWas(owner, now, id)).rejects.toEqual(code('FILE_LOCKED'));
  await expect(versions.restore(owner, file.id, id)).rejects.toEqual(code('FILE_LOCKED'));
  await database.collections.blobs.updateMany({}, { $set: { scanDueAt: new Date(0) } });
  await work();
  expect(await reader.asItWas(owner, now, id)).toMatchObject({ fileSize: 3 });
  await versions.restore(owner, file.id, id);
  expect((await service.get(owner, file.id)).virus).toMatchObject({ isScanned: true, isClean: true });
});
