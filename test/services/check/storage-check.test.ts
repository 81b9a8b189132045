import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keyIn, newBlobKey } from '../../../src/blobs/blob-store.ts';
import type { Blob } from '../../../src/models/blob.ts';
import { UploadStatus } from '../../../src/models/file-enums.ts';
import { age, checkNode, putObject, readObject } from '../../support/nodes/check-node.ts';
import { CheckStage, replicaOf } from '../../support/nodes/check-stage.ts';
import { contradictions, overwrite } from '../../support/nodes/copy-node.ts';

const HELLO = Buffer.from('hello');
const FAILED = { uploadStatus: UploadStatus.FAILED };
const DAY_MS = 24 * 60 * 60 * 1000;

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

test('where everything agrees nothing is found, and what was looked at is told', async () => {
  await stage.storeTwice();
  await stage.store(Buffer.from('alone'));
  const { brief, summary } = await stage.node(null).run({ deep: true });
  expect(brief).toEqual([]);
  expect(summary).toMatchObject({
    stores: [
      { provider: 'local', location: stage.local.location, objects: 2, contents: 2, replicas: 0 },
      { provider: 'aws', objects: 1, contents: 0, replicas: 1 },
    ],
    unreachable: [],
    lost: 0,
  });
});

describe('A copy is repaired from another one', () => {
  test.each<[string, string, (blob: Blob) => Promise<void>]>([
    ['missing', 'first', (blob) => stage.local.delete(blob.key)],
    ['missing', 'second', (blob) => stage.other.delete(replicaOf(blob))],
    ['wrong-size', 'first', (blob) => overwrite(stage.local, blob.key, Buffer.from('hel'))],
    ['wrong-size', 'second', (blob) => overwrite(stage.other, replicaOf(blob), Buffer.from('hello!'))],
    ['wrong-hash', 'first', (blob) => overwrite(stage.local, blob.key, Buffer.from('jello'))],
    ['wrong-hash', 'second', (blob) => overwrite(stage.other, replicaOf(blob), Buffer.from('jello'))],
  ])('%s, the %s', async (kind, _which, damage) => {
    const blob = await stage.storeTwice();
    await damage(blob);
    await expectRepaired(kind, { deep: kind === 'wrong-hash' });
    const repaired = await stage.now(blob);
    expect(await readObject(stage.local, repaired.key)).toBe('hello');
    expect(await readObject(stage.other, replicaOf(repaired))).toBe('hello');
    await stage.copying().disposal.deleteLeftovers(new Date(Date.now() + 1000));
    expect(await contradictions(stage.collections, [stage.local, stage.other])).toEqual([]);
  });

  test('wrong bytes of the right size are met only with --deep', async () => {
    const blob = await stage.storeTwice();
    await overwrite(stage.local, blob.key, Buffer.from('jello'));
    expect((await stage.node().run()).brief).toEqual([]);
  });

  test('or from lost-found, where an older check has put it', async () => {
    const blob = await stage.store();
    await putObject(stage.local, keyIn('lost-found', blob.key), 'hello');
    await stage.local.delete(blob.key);
    await expectRepaired('missing');
    expect(await readObject(stage.local, (await stage.now(blob)).key)).toBe('hello');
  });
});

describe('A content without any copy', () => {
  const lose = async () => {
    const blob = await stage.storeTwice();
    await stage.setBlob(blob, { $set: { refCount: 1 } });
    await stage.local.delete(blob.key);
    await overwrite(stage.other, replicaOf(blob), Buffer.from('jello'));
    return blob;
  };

  test('is lost with its files, once, and counts for its owner still', async () => {
    const blob = await lose();
    expect((await stage.node().run({ repair: true })).brief).toEqual(['missing lost']);
    expect(await stage.fileOf(blob)).toMatchObject({ uploadStatus: 'FAILED', lostAt: expect.any(Date) });
    expect((await stage.now(blob)).lostAt).toBeInstanceOf(Date);
    const again = await stage.node().run({ repair: true });
    expect(again.brief).toEqual([]);
    expect(again.summary?.lost).toBe(1);
  });

  test('is there again with its files once its object is, whole', async () => {
    const blob = await lose();
    await stage.node().run({ repair: true });
    await putObject(stage.local, blob.key, 'jello');
    expect((await stage.node().run({ repair: true })).brief).toEqual([]);
    await overwrite(stage.local, blob.key, HELLO);
    await expectRepaired('found-again');
    expect(await stage.fileOf(blob)).toMatchObject({ uploadStatus: 'COMPLETED' });
    expect(await stage.fileOf(blob)).not.toHaveProperty('lostAt');
    expect(await stage.now(blob)).not.toHaveProperty('lostAt');
  });

  test('is not given up while a provider that may have a copy does not answer', async () => {
    const blob = await stage.storeTwice();
    await stage.local.delete(blob.key);
    const { brief } = await checkNode(stage.collections, [stage.local]).run({ repair: true });
    expect(brief).toEqual(['missing failed']);
    expect(await stage.now(blob)).not.toHaveProperty('lostAt');
  });

  test('is not given up with more than half of all others, but with --force', async () => {
    const blobs = await Promise.all(
      Array.from({ length: 24 }, (_, i) => stage.store(Buffer.from(`no ${i}`))),
    );
    for (const { key } of blobs.slice(0, 13)) await stage.local.delete(key);
    const refused = await stage.node().run({ repair: true });
    expect(refused.brief).toEqual(Array(13).fill('missing refused'));
    expect(await stage.collections.files.countDocuments(FAILED)).toBe(0);
    expect((await stage.node().run({ repair: true, force: true })).brief).toEqual(
      Array(13).fill('missing lost'),
    );
    expect(await stage.collections.files.countDocuments(FAILED)).toBe(13);
  });
});

test('an object that nothing names is moved to lost-found, and deleted there 30 days later', async () => {
  await stage.store();
  const key = newBlobKey();
  await putObject(stage.local, key, 'nobody’s');
  await expectRepaired('orphan');
  const kept = keyIn('lost-found', key);
  expect([await readObject(stage.local, key), await readObject(stage.local, kept)]).toEqual([
    null,
    'nobody’s',
  ]);
  await age(stage.local, kept, 31 * DAY_MS);
  await expectRepaired('lost-found');
  expect(await readObject(stage.local, kept)).toBeNull();
});

test('objects are not moved with more than half of all others, as when the database is a wrong one', async () => {
  for (let i = 0; i < 11; i += 1) await putObject(stage.local, newBlobKey(), 'x');
  expect((await stage.node().run({ repair: true })).brief).toEqual(Array(11).fill('orphan refused'));
});

test('what an upload, a copy or a leftover names is nobody’s orphan', async () => {
  const [upload, part, leftover] = [newBlobKey(), newBlobKey('incoming'), newBlobKey()];
  const blob = await stage.store();
  for (const key of [upload, part, leftover]) await putObject(stage.local, key, 'x');
  const { files } = stage.collections;
  const heartbeatAt = new Date();
  const unfinished = { storageProvider: 'local', storageLocation: stage.local.location, heartbeatAt };
  await files.collection.insertMany([
    { fileName: 'a', uploadKey: upload, ...unfinished },
    { fileName: 'b', direct: { provider: 'local', keys: [part] }, ...unfinished },
  ] as never);
  const named = {
    provider: 'local',
    location: stage.local.location,
    key: leftover,
    deleteAfter: new Date(0),
  };
  await stage.setBlob(blob, { $set: { leftovers: [named] } });
  expect((await stage.node().run()).brief).toEqual([]);
});

test('an object in incoming that no file names is deleted', async () => {
  const key = newBlobKey('incoming');
  await putObject(stage.local, key, 'x');
  await expectRepaired('incoming');
  expect(await readObject(stage.local, key)).toBeNull();
});

test('what killed writers left is removed', async () => {
  const path = join(stage.local.location, 'tmp', `${newBlobKey()}.abc`);
  await writeFile(path, 'half');
  await expectRepaired('unfinished');
});
