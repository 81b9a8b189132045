import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Stores } from '../../../src/blobs/stores.ts';
import { AppError } from '../../../src/errors.ts';
import type { Blob } from '../../../src/models/blob.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { blackPng } from '../../support/hostile-images.ts';
import { FakeMaker, type ProcessingNode, processingNode } from '../../support/nodes/processing-node.ts';
import { SealedBench } from '../../support/sealed-bench.ts';

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

describe('A picture that is uploaded', () => {
  it('waits, and is then told by three previews and its size, to who listens too', async () => {
    const node = processingNode(bench.database, stores());
    const file = await node.upload(bench.viewer, PICTURE);
    expect(file).toMatchObject({ processingStatus: 'PENDING', metadata: null });
    expect(await node.work()).toBe(1);

    const now = await fileNow(file);
    expect(now).toMatchObject({ processingStatus: 'COMPLETED', metadata: { width: 1600, height: 900 } });
    expect(now.updatedAt).toEqual(file.updatedAt);
    expect(node.told).toEqual([file.id]);
    const previews = await openAll(node, now);
    expect(previews.map(({ pixels }) => pixels)).toEqual([128, 512, 1280]);
    for (const { bytes } of previews) expect(bytes.toString('latin1', 0, 4)).toBe('RIFF');
    const blob = await bench.blobOf(file);
    expect(await objects()).toHaveLength(4);
    expect([blob.leftovers, blob.processingTries]).toEqual([undefined, undefined]);
    expect(await bench.database.collections.jobs.countDocuments()).toBe(0);
  });

  it('has no larger previews than itself', async () => {
    const node = processingNode(bench.database, stores());
    const file = await node.upload(bench.viewer, blackPng(100, 50));
    await node.work();
    const previews = await openAll(node, await fileNow(file));
    expect(new Set(previews.map(({ id }) => id.toHexString())).size).toBe(1);
    expect((await bench.blobOf(file)).previews).toHaveLength(1);
  });

  it('is processed once for all who have it, and who comes later has its facts at once', async () => {
    const maker = new FakeMaker();
    const node = nodeWith({ maker });
    const content = picture();
    const files = [await node.upload(bench.viewer, content), await node.upload(bench.viewer, content)];
    await node.work();
    const later = await node.upload(bench.viewer, content);
    expect(maker.made).toBe(1);
    expect(node.told.toSorted()).toEqual(files.map(({ id }) => id).toSorted());
    expect(later).toMatchObject({ processingStatus: 'COMPLETED', metadata: { width: 7 } });
    expect(await openAll(node, later)).toHaveLength(3);
  });

  it('is processed by one of two nodes that take it up at once', async () => {
    const maker = new FakeMaker();
    const [one, other] = [nodeWith({ maker }), nodeWith({ maker })];
    const { promise, resolve } = Promise.withResolvers<void>();
    maker.onMake = () => promise;
    const { blob } = await one.upload(bench.viewer, picture());
    const first = one.duty.attend(blob as Blob['_id'], signal);
    await vi.waitFor(() => expect(maker.made).toBe(1));
    expect(await other.duty.attend(blob as Blob['_id'], signal)).toBeGreaterThan(1000);
    resolve();
    expect(await first).toBeNull();
    expect(await other.duty.attend(blob as Blob['_id'], signal)).toBeNull();
    expect(maker.made).toBe(1);
  });

  it('waits for its virus scan first, and is never shown once it is found infected', async () => {
    const { files, blobs } = bench.database.collections;
    const node = nodeWith();
    const file = await node.upload(bench.viewer, picture());
    await files.updateOne({ _id: file._id }, { $set: { isAwaitingScan: true } });
    expect(await node.work()).toBe(0);
    await node.duty.attend(file.blob as Blob['_id'], signal);
    expect(await fileNow(file)).toMatchObject({ processingStatus: 'PENDING' });
    await files.updateOne({ _id: file._id }, { $unset: { isAwaitingScan: '' } });
    expect(await node.work()).toBe(1);
    expect(await openAll(node, file)).toHaveLength(3);
    await blobs.updateOne(
      { _id: file.blob as Blob['_id'] },
      { $set: { virus: { isScanned: true, isClean: false } } },
    );
    await expect(node.previews.open(file, 128)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await node.previews.ofBlobs([String(file.blob)])).toEqual([[]]);
  });
});

describe('A content that cannot be processed', () => {
  it('fails for itself alone, says why, and is tried again when asked to', async () => {
    const node = processingNode(bench.database, stores());
    const damaged = await node.upload(bench.viewer, PICTURE.subarray(0, 60));
    const good = await node.upload(bench.viewer, PICTURE);
    await node.work();
    expect(await fileNow(good)).toMatchObject({ processingStatus: 'COMPLETED' });
    const failed = await fileNow(damaged);
    expect(failed).toMatchObject({ processingStatus: 'FAILED', processingError: expect.any(String) });
    expect(await node.backlog.failed()).toMatchObject([{ blob: damaged.blob }]);
    expect(await node.backlog.counts()).toEqual({ waiting: 0, running: 0, failed: 1 });
    // Who comes with the same content hears the same.
    expect(await node.upload(bench.viewer, PICTURE.subarray(0, 60))).toMatchObject({
      processingStatus: 'FAILED',
      processingError: failed.processingError,
    });

    expect(await node.backlog.retry(good.id)).toBe(false);
    expect(await node.backlog.retry(damaged.id)).toBe(true);
    expect(await fileNow(damaged)).toMatchObject({ processingStatus: 'PENDING', processingError: null });
    expect(await node.backlog.retryAll()).toBe(0);
    await node.work();
    expect(await fileNow(damaged)).toMatchObject({ processingStatus: 'FAILED' });
  });

  it('is tried three times, then given up, in words that tell its files nothing of the host', async () => {
    const maker = new FakeMaker();
    const node = nodeWith({ maker });
    maker.onMake = () => Promise.reject(new Error('/secret/place broke'));
    const file = await node.upload(bench.viewer, picture());
    await vi.waitFor(async () => {
      await node.work();
      expect(node.outcomes).toEqual(['again', 'again', 'failed']);
    });
    expect(maker.made).toBe(3);
    expect((await fileNow(file)).processingError).toBe('It could not be processed.');
    expect(await node.backlog.failed()).toMatchObject([{ reason: '/secret/place broke' }]);
  });

  it('is given up when it takes too long, whether its maker listens or not', async () => {
    const maker = new FakeMaker();
    maker.onMake = () => new Promise(() => undefined);
    const node = nodeWith({ maker, timeoutMs: 20 });
    const file = await node.upload(bench.viewer, picture());
    await vi.waitFor(async () => {
      await node.work();
      expect(await fileNow(file)).toMatchObject({ processingStatus: 'FAILED' });
    });
    expect((await fileNow(file)).processingError).toBe('Processing took longer than 0.02 seconds.');
  });

  it('is given up when the process ended each time while it was at it', async () => {
    const maker = new FakeMaker();
    const node = nodeWith({ maker });
    const file = await node.upload(bench.viewer, picture());
    await bench.database.collections.blobs.updateOne(
      { _id: file.blob as Blob['_id'] },
      { $set: { processingTries: 3 } },
    );
    await node.work();
    await vi.waitFor(async () => {
      await node.work();
      expect(await fileNow(file)).toMatchObject({ processingStatus: 'FAILED' });
    });
    expect(maker.made).toBe(0);
  });

  it('is none where the store does not answer: that does not count as a try', async () => {
    const maker = new FakeMaker();
    const node = nodeWith({ maker });
    maker.onMake = () => Promise.reject(new AppError('STORAGE_UNAVAILABLE', 'away'));
    const file = await node.upload(bench.viewer, picture());
    for (let i = 0; i < 5; i += 1) {
      expect(await node.duty.attend(file.blob as Blob['_id'], signal)).toBeGreaterThan(1000);
    }
    expect(await fileNow(file)).toMatchObject({ processingStatus: 'PENDING' });
    maker.onMake = async () => undefined;
    expect(await node.duty.attend(file.blob as Blob['_id'], signal)).toBeNull();
    expect(await fileNow(file)).toMatchObject({ processingStatus: 'COMPLETED' });
  });

  it('is left to others by a node that stops, without a trace', async () => {
    const maker = new FakeMaker();
    const node = nodeWith({ maker });
    const stop = new AbortController();
    maker.onMake = async () => stop.abort(new Error('The service stops.'));
    const file = await node.upload(bench.viewer, picture());
    expect(await node.duty.attend(file.blob as Blob['_id'], stop.signal)).toBe(0);
    expect(await fileNow(file)).toMatchObject({ processingStatus: 'PENDING' });
    expect((await bench.blobOf(file)).processingTries).toBe(0);
    maker.onMake = async () => undefined;
    await nodeWith({ maker }).work();
    expect(await fileNow(file)).toMatchObject({ processingStatus: 'COMPLETED' });
  });
});
