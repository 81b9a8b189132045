import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Blob } from '../../../src/models/blob.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { CheckStage, replicaOf } from '../../support/nodes/check-stage.ts';
import { contradictions } from '../../support/nodes/copy-node.ts';

const CONTENT = Buffer.from('what nobody may share any more');
const INFECTED = {
  live: false,
  virus: { isScanned: true, isClean: false, scanDate: new Date(), scanEngine: 'ClamAV' },
  threat: 'Eicar',
  quarantinedAt: new Date(),
};

let stage: CheckStage;
beforeEach(async () => {
  stage = await CheckStage.open();
});
afterEach(() => stage.close());

/** A content that no upload is given any more, with one file that is in quarantine. */
async function quarantined(): Promise<Blob> {
  const blob = await stage.store(CONTENT);
  await stage.setBlob(blob, { $set: INFECTED });
  await stage.setFile(blob, { $set: { uploadStatus: 'FAILED', quarantinedAt: new Date() } });
  return stage.now(blob);
}

async function move(from: string, to: string) {
  const failures: unknown[] = [];
  const sum = await stage.copying().moves.move(
    { from, to },
    {
      signal: new AbortController().signal,
      observer: {
        copied: () => undefined,
        moved: () => undefined,
        failed: (_blob, error) => void failures.push(error),
      },
    },
  );
  return { moved: sum.blobs, failures };
}

const tidy = () => stage.copying().disposal.deleteLeftovers(new Date(Date.now() + 7_200_000));
const problems = () => contradictions(stage.collections, [stage.local, stage.other]);

describe('A content in quarantine', () => {
  it('is moved with all others, so that its provider can be given up', async () => {
    const blob = await quarantined();
    expect(await stage.copying().moves.sum({ from: 'local', to: 'aws' })).toMatchObject({ blobs: 1 });
    expect(await move('local', 'aws')).toEqual({ moved: 1, failures: [] });
    await stage.copying().work();
    await tidy();
    expect(await stage.now(blob)).toMatchObject({ provider: 'aws', live: false });
    expect(await problems()).toEqual([]);
    expect(await Array.fromAsync(stage.local.list())).toEqual([]);
  });

  it('is kept once: it gets no second copy', async () => {
    const blob = await quarantined();
    await stage.setBlob(blob, { $set: { copyDueAt: new Date() } });
    await stage.copying().work();
    expect((await stage.now(blob)).replicas).toBeUndefined();
    expect(await problems()).toEqual([]);
  });

  it('whose bytes are gone is lost, which is told once and no error of every check to come', async () => {
    const blob = await quarantined();
    await stage.local.delete(blob.key);
    const { found, repaired, after } = await stage.repairs({ deep: true });
    expect([found, repaired, after]).toEqual([['missing found'], ['missing lost'], []]);
    expect(await stage.fileOf(blob)).toMatchObject({ uploadStatus: 'FAILED' });
    expect((await stage.fileOf(blob))?.quarantinedAt).toBeInstanceOf(Date);
  });

  it('that had a second copy is repaired from it', async () => {
    const blob = await stage.storeTwice(CONTENT);
    await stage.setBlob(blob, { $set: INFECTED });
    await stage.local.delete(blob.key);
    const { found, repaired, after } = await stage.repairs();
    expect([found, repaired, after]).toEqual([['missing found'], ['missing repaired'], []]);
    await tidy();
    expect(await problems()).toEqual([]);
  });

  it('goes on to count for its owner when a check looks at his count while he uploads', async () => {
    const blob = await quarantined();
    const fileSize = CONTENT.length;
    await stage.setFile(blob, { $set: { fileSize } });
    const coming = { file: new ObjectId(), amount: 7, at: new Date() };
    await stage.collections.users.collection.updateOne({ _id: stage.userId }, {
      $set: { usedBytes: fileSize + 7, claims: [coming] },
    } as never);
    expect((await stage.node().run({ repair: true })).brief).toEqual([]);
    expect(await stage.collections.users.findById(stage.userId)).toMatchObject({ usedBytes: fileSize + 7 });
  });

  it('whose second copy is gone is not told for ever', async () => {
    const blob = await stage.storeTwice(CONTENT);
    await stage.setBlob(blob, { $set: INFECTED });
    await stage.other.delete(replicaOf(blob));
    const { found, repaired, after } = await stage.repairs();
    expect([found, repaired, after]).toEqual([['missing found'], ['missing repaired'], []]);
  });
});

it('A content that serves its files beside an equal live one has a second copy, is repaired and is moved', async () => {
  const blob = await stage.store(CONTENT);
  await stage.setBlob(blob, { $set: { live: false, releasedAt: new Date() } });
  const equal = await stage.store(CONTENT);
  expect(equal.hash).toBe(createHash('sha256').update(CONTENT).digest('hex'));
  await stage.copying().work();
  const doubled = await stage.now(blob);
  expect(doubled.replicas).toHaveLength(1);
  await stage.local.delete(doubled.key);
  await stage.setBlob(blob, { $set: { damagedAt: new Date(), copyDueAt: new Date() } });
  await stage.copying().work();
  await tidy();
  expect(await problems()).toEqual([]);
  expect(await move('local', 'aws')).toEqual({ moved: 2, failures: [] });
  await stage.copying().work();
  await tidy();
  expect(await stage.now(blob)).toMatchObject({ provider: 'aws', live: false });
  expect(await problems()).toEqual([]);
});

it('A content that is being deleted is neither copied nor moved', async () => {
  const blob = await stage.store(CONTENT);
  await stage.setBlob(blob, { $set: { live: false, refCount: 0 } });
  expect(await move('local', 'aws')).toEqual({ moved: 0, failures: [] });
  await stage.setBlob(blob, { $set: { copyDueAt: new Date() } });
  await stage.copying().work();
  expect(await Array.fromAsync(stage.other.list())).toEqual([]);
});
