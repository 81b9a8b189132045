import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Stores } from '../../../src/blobs/stores.ts';
import { MasterKeys } from '../../../src/encryption/master-keys.ts';
import type { Blob } from '../../../src/models/blob.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { ContentKeys } from '../../../src/services/copies/content-keys.ts';
import { KeyRotation } from '../../../src/services/copies/key-rotation.ts';
import { blackPng } from '../../support/hostile-images.ts';
import { checkNode } from '../../support/nodes/check-node.ts';
import { copyNode } from '../../support/nodes/copy-node.ts';
import { FakeMaker, type ProcessingNode, processingNode } from '../../support/nodes/processing-node.ts';
import { masterKey, SealedBench } from '../../support/sealed-bench.ts';

const PICTURE = blackPng(1600, 900);

let bench: SealedBench;

beforeAll(async () => {
  bench = await SealedBench.open();
});
afterAll(() => bench.database.close());
beforeEach(() => bench.fill());
afterEach(() => bench.empty());

const stores = () => new Stores([bench.local, bench.other]);
const nodeWith = (options: Parameters<typeof processingNode>[2] = {}) =>
  processingNode(bench.database, stores(), { maker: new FakeMaker(), ...options });
const fileNow = async ({ _id }: Pick<StoredFile, '_id'>) =>
  (await bench.database.collections.files.findById(_id).lean()) as StoredFile;
/** A PNG that no other test has. */
const picture = () => Buffer.concat([PICTURE, randomBytes(8)]);
const objects = async () => (await Array.fromAsync(bench.local.list())).map(({ key }) => key);
const openAll = (node: ProcessingNode, file: StoredFile) =>
  Promise.all([128, 512, 1280].map((pixels) => node.previews.open(file, pixels)));
const signal = new AbortController().signal;

describe('Encrypted contents', () => {
  const KEYS = (...names: string[]) => new ContentKeys(new MasterKeys(names.map(masterKey)));

  it('have encrypted previews, each under a key of its own, which a rotation wraps anew', async () => {
    const { collections } = bench.database;
    const before = nodeWith({ keys: KEYS('a') });
    const file = await before.upload(bench.viewer, picture());
    await before.work();
    const { previews = [] } = await bench.blobOf(file);
    expect(new Set(previews.map(({ encryption }) => encryption?.wrappedKey)).size).toBe(3);
    for (const key of await objects()) {
      const stored = Buffer.concat(await (await bench.local.open(key)).stream.toArray());
      expect(stored.includes('a picture of')).toBe(false);
    }
    const rotation = new KeyRotation(collections, KEYS('b', 'a'));
    expect(await rotation.uses()).toMatchObject([{ name: 'b' }, { name: 'a', blobs: 1, previews: 3 }]);
    const observer = { rewrapped: () => undefined, failed: () => undefined };
    expect(await rotation.rotate(observer, signal)).toEqual({ rewrapped: 4, failed: 0 });
    expect(await rotation.uses()).toMatchObject([
      { name: 'b', state: 'current', blobs: 1, previews: 3 },
      { name: 'a', state: 'former', blobs: 0, previews: 0 },
    ]);
    const [small] = await openAll(nodeWith({ keys: KEYS('b') }), file);
    expect(small?.bytes.toString()).toBe('a picture of 128 pixels');
    const stranger = nodeWith({ keys: KEYS('a') });
    await expect(stranger.previews.open(file, 128)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('lose their previews with their encryption, and are processed again', async () => {
    const plain = nodeWith();
    const content = picture();
    const file = await plain.upload(bench.viewer, content);
    await plain.work();
    const { key, previews: former } = await bench.blobOf(file);
    await bench.local.delete(key);
    const sealed = nodeWith({ keys: KEYS('a') });
    await sealed.upload(bench.viewer, content);
    expect(await bench.blobOf(file)).toMatchObject({ processingDueAt: expect.any(Date) });
    expect((await bench.blobOf(file)).previews).toBeUndefined();
    await sealed.work();
    const { previews = [], processingDueAt } = await bench.blobOf(file);
    expect([previews.length, processingDueAt]).toEqual([3, undefined]);
    expect(previews.every(({ encryption }) => encryption)).toBe(true);
    await sealed.sweep.step('leftovers');
    expect(await objects()).not.toContain(former?.[0]?.key);
    expect(await objects()).toHaveLength(4);
  });
});

describe('Whatever a crash leaves', () => {
  it('between storing pictures and saying so, is named and deleted later', async () => {
    const { blobs } = bench.database.collections;
    const node = nodeWith();
    const file = await node.upload(bench.viewer, picture());
    const pictures = (await new FakeMaker().make({} as Blob, '', signal)).pictures;
    const lost = await node.places.store(await bench.blobOf(file), pictures, signal);
    expect(await objects()).toHaveLength(4);
    expect((await checkNode(bench.database.collections, stores()).run()).brief).toEqual([]);
    await node.work();
    expect(await openAll(node, file)).toHaveLength(3);
    await blobs.updateOne(
      { _id: file.blob as Blob['_id'] },
      { $set: { 'leftovers.$[].deleteAfter': new Date(1) } },
    );
    // Condemned, they cannot become previews any more.
    await node.sweep.step('leftovers');
    expect(await objects()).toHaveLength(4);
    expect(await objects()).not.toContain(lost[0]?.key);
    const findings = { previews: lost, metadata: null, failure: null };
    expect(await node.places.record(await bench.blobOf(file), findings)).toBe(false);
  });

  it('between the blob and its files, the next one tells', async () => {
    const maker = new FakeMaker();
    const node = nodeWith({ maker });
    const file = await node.upload(bench.viewer, picture());
    await node.work();
    await bench.database.collections.files.updateOne(
      { _id: file._id },
      { $set: { processingStatus: 'PROCESSING', metadata: null } },
    );
    await node.duty.attend(file.blob as Blob['_id'], signal);
    expect(await fileNow(file)).toMatchObject({ processingStatus: 'COMPLETED', metadata: { height: 5 } });
    expect(maker.made).toBe(1);
  });
});

describe('Previews in their store', () => {
  it('go with their blob', async () => {
    const node = nodeWith();
    const file = await node.upload(bench.viewer, picture());
    await node.work();
    await node.purge.purge(file._id);
    await node.references.ledger.settledAll();
    await node.sweep.step('claims');
    expect(await node.sweep.step('blobs')).toBe(1);
    expect(await objects()).toEqual([]);
  });

  it('are known to the check, which has missing and short ones made anew', async () => {
    const node = nodeWith();
    const file = await node.upload(bench.viewer, picture());
    await node.work();
    const check = checkNode(bench.database.collections, stores());
    expect((await check.run()).brief).toEqual([]);
    const [small, medium] = (await bench.blobOf(file)).previews ?? [];
    await bench.local.delete(String(small?.key));
    await bench.local.delete(String(medium?.key));
    const found = await check.run({ repair: true });
    expect(found.brief).toEqual(['missing repaired', 'missing repaired']);
    expect(await node.backlog.isNeeded()).toBe(true);
    await node.work();
    expect(await openAll(node, await fileNow(file))).toHaveLength(3);
    expect((await check.run()).brief).toEqual([]);
  });

  it('are made anew where a request met one that is gone', async () => {
    const node = nodeWith();
    const file = await node.upload(bench.viewer, picture());
    await node.work();
    await bench.local.delete(String((await bench.blobOf(file)).previews?.[0]?.key));
    await expect(node.previews.open(file, 128)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await node.work();
    expect((await node.previews.open(file, 128)).bytes.toString()).toContain('128');
  });

  it('stay behind when a content is moved, and are made anew where it lies now', async () => {
    const { collections } = bench.database;
    const node = nodeWith();
    const file = await node.upload(bench.viewer, picture());
    await node.work();
    const { moves, disposal } = copyNode(collections, [bench.local, bench.other]);
    const observer = { copied: () => undefined, moved: () => undefined, failed: () => undefined };
    await moves.move({ from: bench.local.provider, to: 'aws' }, { signal, observer });
    await disposal.deleteLeftovers(new Date(Date.now() + 1));
    expect(await objects()).toEqual([]);
    const elsewhere = processingNode(bench.database, new Stores([bench.other, bench.local]), {
      maker: new FakeMaker(),
    });
    await elsewhere.work();
    const { previews = [] } = await bench.blobOf(file);
    expect(previews.map(({ provider }) => provider)).toEqual(['aws', 'aws', 'aws']);
    expect(await fileNow(file)).toMatchObject({ processingStatus: 'COMPLETED' });
  });

  it('are made of what was stored before there were any, when asked to', async () => {
    const { files, jobs } = bench.database.collections;
    const node = nodeWith();
    const file = await node.upload(bench.viewer, picture());
    const text = await node.upload(bench.viewer, Buffer.from('no picture'), 'a.txt', 'text/plain');
    await files.updateMany({}, { $set: { processingStatus: 'COMPLETED' } });
    await jobs.deleteMany();
    expect(await node.work()).toBe(0);
    expect(await node.backlog.processOld()).toBe(1);
    expect(await node.work()).toBe(1);
    expect(await openAll(node, file)).toHaveLength(3);
    await expect(node.previews.open(text, 128)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await node.backlog.processOld()).toBe(0);
  });
});
