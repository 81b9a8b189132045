import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { SWEEP_STEPS, type SweepStep } from '../../../src/services/sweep.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { type UploadNode, uploadNode } from '../../support/nodes/upload-node.ts';

const AGO = new Date(Date.now() - 3_600_000);
const LATER = new Date(Date.now() + 3_600_000);

let database: TestDatabase;
let folder: string;
let services: UploadNode;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-sweep-stop-'));
  services = uploadNode(database, await openLocalStore({ UPLOAD_PATH: folder }));
});
afterEach(async () => {
  for (const collection of Object.values(database.collections)) await collection.deleteMany();
  await rm(folder, { recursive: true, force: true });
});

/** Stores so many documents of files that are complete. */
async function files(count: number, changes: object): Promise<void> {
  const userId = new mongoose.Types.ObjectId();
  const documents = Array.from({ length: count }, (_, i) => ({
    userId,
    fileName: `file ${i} ${Math.random()}`,
    fileSize: 1,
    uploadStatus: 'COMPLETED',
    isDeleted: false,
    ...changes,
  }));
  await database.collections.files.collection.insertMany(documents as never);
}
const left = () => database.collections.files.countDocuments();

test('a step that is stopped ends between two things, and the next run carries on', async () => {
  await files(300, { isDeleted: true, deletedAt: AGO });
  const stop = new AbortController();
  const purge = services.purge.purge.bind(services.purge);
  let purged = 0;
  vi.spyOn(services.purge, 'purge').mockImplementation((id) => {
    purged += 1;
    if (purged === 100) stop.abort(new Error('enough'));
    return purge(id);
  });
  await expect(services.sweep.step('trash', stop.signal)).rejects.toThrow('enough');
  expect(await left()).toBeGreaterThan(100);
  const kept = 300 - purged;
  expect(await left()).toBe(kept);
  expect(await services.sweep.step('trash')).toBe(kept);
  expect(await left()).toBe(0);
});

test.each(Object.keys(SWEEP_STEPS) as SweepStep[])(
  'the step %s does not begin once it is to stop',
  async (name) => {
    await expect(services.sweep.step(name, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  },
);

test('more files than fit into one batch expire in one run, and no others', async () => {
  await files(2_300, { expiryDate: AGO });
  await files(5, { expiryDate: LATER });
  await files(5, {});
  expect(await services.sweep.step('expired')).toBe(2_300);
  const trash = await database.collections.files.countDocuments({ isDeleted: true, deletedAt: { $gt: AGO } });
  expect([trash, await left()]).toEqual([2_300, 2_310]);
  expect(await services.sweep.step('expired')).toBe(0);
});
