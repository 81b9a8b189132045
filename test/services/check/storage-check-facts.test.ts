import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Blob } from '../../../src/models/blob.ts';
import { CheckStage } from '../../support/nodes/check-stage.ts';

let stage: CheckStage;
beforeEach(async () => {
  stage = await CheckStage.open();
});
afterEach(() => stage.close());

/** It is found, found again and repaired with --repair, and then no more. */
async function expectRepaired(kind: string, options: { deep?: boolean } = {}): Promise<void> {
  const { found, repaired, after } = await stage.repairs(options);
  expect(new Set(found)).toEqual(new Set([`${kind} found`]));
  expect(new Set(repaired)).toEqual(new Set([`${kind} repaired`]));
  expect(after).toEqual([]);
}

describe('What the database tells otherwise', () => {
  test.each<[string, string, (blob: Blob) => Promise<unknown>]>([
    ['where the first copy lies', 'wrong-place', (blob) => stage.setBlob(blob, { $set: { location: '/x' } })],
    [
      'where the second lies',
      'wrong-place',
      (blob) => stage.setBlob(blob, { $set: { 'replicas.0.location': 'x' } }),
    ],
    ['where a file lies', 'wrong-place', (blob) => stage.setFile(blob, { $set: { storageProvider: 'gcp' } })],
    [
      'where its second copy lies',
      'wrong-place',
      (blob) => stage.setFile(blob, { $unset: { backupLocation: '' } }),
    ],
    ['how many files there are', 'wrong-count', (blob) => stage.setBlob(blob, { $set: { refCount: 7 } })],
    ['that there are files', 'wrong-count', (blob) => stage.setFile(blob, { $unset: { blob: '' } })],
    ['that a file is lost', 'wrong-status', (blob) => stage.setFile(blob, { $set: LOST })],
    ['how many bytes an account has', 'wrong-count', () => setUser({ $inc: { usedBytes: 3 } })],
  ])('%s, is set right', async (_what, kind, change) => {
    const blob = await stage.storeTwice();
    await change(blob);
    await expectRepaired(kind);
  });

  const LOST = { uploadStatus: 'FAILED', lostAt: new Date() };
  const setUser = (update: object) =>
    stage.collections.users.collection.updateOne({ _id: stage.userId }, update);

  test('a blob that nothing refers to any more is left to the sweep', async () => {
    const blob = await stage.store();
    await stage.collections.files.deleteMany();
    await expectRepaired('wrong-count');
    expect(await stage.now(blob)).toMatchObject({ refCount: 0, unreferencedAt: expect.any(Date) });
  });

  test('files without their blob have failed', async () => {
    const blob = await stage.store();
    await stage.collections.blobs.deleteMany();
    await stage.local.delete(blob.key);
    expect((await stage.node().run({ repair: true })).brief).toEqual(['missing lost']);
    expect(await stage.fileOf(blob)).toMatchObject({ uploadStatus: 'FAILED' });
    expect((await stage.node().run()).brief).toEqual([]);
  });
});
