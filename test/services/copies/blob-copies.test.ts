import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { unavailable } from '../../../src/blobs/storage-failure.ts';
import type { Blob } from '../../../src/models/blob.ts';
import { CONDEMNED } from '../../../src/services/copies/blob-placement.ts';
import { Throttle } from '../../../src/services/copies/throttle.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  blobNow,
  type CopyNode,
  copyNode,
  namedStore,
  overwrite,
  storeBlob,
} from '../../support/nodes/copy-node.ts';

const HOUR = 3_600_000;
const CONTENT = randomBytes(1_500_000);
let database: TestDatabase;
let folder: string;
let local: BlobStore;
let other: BlobStore;
let node: CopyNode;
let blob: Blob;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-copies-'));
  local = await openLocalStore({ UPLOAD_PATH: folder });
  other = await namedStore('aws');
  node = copyNode(database.collections, [local, other], { graceMs: HOUR });
  blob = await storeBlob(database.collections, local, CONTENT);
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const collection of Object.values(database.collections)) await collection.deleteMany();
  await rm(folder, { recursive: true, force: true });
});

const now = () => blobNow(database.collections, blob);
const keysAt = async (store: BlobStore) => (await Array.fromAsync(store.list())).map(({ key }) => key);
/** The other store with another way to put. */
const putting = (put: unknown) =>
  new Proxy(other, {
    get: (target, name) => (name === 'put' ? put : Reflect.get(target, name, target)),
  });
const dies = () => Promise.reject(new Error('killed'));

describe('A copy', () => {
  it('is whole, and named as a leftover until it becomes a replica', async () => {
    let seen = 0;
    const place = await node.copies.copy(blob, blob, other, {
      onBytes: (bytes) => {
        seen += bytes;
      },
    });
    expect(seen).toBe(CONTENT.length);
    expect(await keysAt(other)).toEqual([place.key]);
    expect(place.key).not.toBe(blob.key);
    expect((await now()).leftovers).toMatchObject([place]);
    expect(await node.copies.verify(blob, place)).toBe(true);
    expect(await node.placement.becomeReplica(blob, place)).toMatchObject({ replicas: [place] });
    expect((await now()).leftovers).toEqual([]);
  });

  it('is named before its first byte is written', async () => {
    const put = other.put.bind(other);
    let named: unknown;
    const watched = putting(async (...given: Parameters<typeof put>) => {
      named = (await now()).leftovers?.map(({ key }) => key);
      expect(named).toEqual([given[0]]);
      return put(...given);
    });
    await node.copies.copy(blob, blob, watched);
    expect(named).toHaveLength(1);
  });

  it('shows while it is being made that it is', async () => {
    const busy = copyNode(database.collections, [local, other], { renewMs: 20 });
    const copying = busy.copies.copy(blob, blob, other, { rate: new Throttle(4_000_000) });
    await pause(50);
    const first = (await now()).leftovers?.[0]?.deleteAfter.getTime() ?? 0;
    expect(first).toBeGreaterThan(Date.now() + 0.9 * HOUR);
    await pause(150);
    expect((await now()).leftovers?.[0]?.deleteAfter.getTime()).toBeGreaterThan(first);
    await copying;
  });

  it.each([
    ['other bytes', () => overwrite(local, blob.key, randomBytes(CONTENT.length)), 'SHA-256'],
    ['fewer bytes', () => overwrite(local, blob.key, CONTENT.subarray(1)), 'bytes instead of'],
    ['nothing', () => local.delete(blob.key), 'is missing'],
  ])('of %s is none, and its source is noted as damaged', async (_what, damage, message) => {
    await damage();
    await expect(node.copies.copy(blob, blob, other)).rejects.toThrow(message);
    expect(await keysAt(other)).toEqual([]);
    const { leftovers, damagedAt, copyDueAt } = await now();
    expect(leftovers).toEqual([]);
    expect([damagedAt, copyDueAt]).toEqual([expect.any(Date), expect.any(Date)]);
  });

  it('from a replica that is damaged gives that replica up', async () => {
    const place = await node.copies.copy(blob, blob, other);
    const with2 = await node.placement.becomeReplica(blob, place);
    await overwrite(other, place.key, randomBytes(CONTENT.length));
    await expect(node.copies.copy(with2 ?? blob, place, local)).rejects.toThrow('SHA-256');
    const { replicas, leftovers, damagedAt } = await now();
    expect([replicas, damagedAt]).toEqual([[], undefined]);
    expect(leftovers).toMatchObject([place]);
  });

  it('that is aborted leaves nothing, and rejects with the reason', async () => {
    const stop = new AbortController();
    const onBytes = () => stop.abort(new Error('enough'));
    const rate = new Throttle(1_000_000);
    await expect(node.copies.copy(blob, blob, other, { signal: stop.signal, onBytes, rate })).rejects.toThrow(
      'enough',
    );
    expect([await keysAt(other), (await now()).leftovers]).toEqual([[], []]);
  });

  it('that fails at once gives its source back', async () => {
    const open = local.open.bind(local);
    let source: Readable | undefined;
    vi.spyOn(local, 'open').mockImplementation(async (...given) => {
      const opened = await open(...given);
      source = opened.stream;
      return opened;
    });
    const refusing = putting((_key: string, bytes: Readable) => {
      bytes.destroy();
      return dies();
    });
    await expect(node.copies.copy(blob, blob, refusing)).rejects.toThrow('killed');
    expect(source?.destroyed).toBe(true);
    expect((await now()).damagedAt).toBeUndefined();
  });

  it('of a blob that is being deleted is given up', async () => {
    const busy = copyNode(database.collections, [local, other], { renewMs: 20 });
    const copying = busy.copies.copy(blob, blob, other, { rate: new Throttle(1_000_000) });
    copying.catch(() => undefined);
    await pause(100);
    await database.collections.blobs.updateOne({ _id: blob._id }, { live: false, refCount: 0 });
    await expect(copying).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await keysAt(other)).toEqual([]);
    await expect(node.copies.copy(blob, blob, other)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('whose remains cannot be removed stays named', async () => {
    const stuck = new Proxy(other, {
      get: (target, name) => (name === 'put' || name === 'delete' ? dies : Reflect.get(target, name, target)),
    });
    const failing = copyNode(database.collections, [local, stuck]);
    await expect(failing.copies.copy(blob, blob, stuck)).rejects.toThrow('killed');
    expect((await now()).leftovers).toHaveLength(1);
    expect((await now()).damagedAt).toBeUndefined();
  });

  it('at a storage that did not answer is removed once more later', async () => {
    const silent = putting(() => Promise.reject(unavailable(new Error('no answer'))));
    await expect(node.copies.copy(blob, blob, silent)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    const [leftover] = (await now()).leftovers ?? [];
    expect(leftover?.deleteAfter.getTime()).toBeLessThan(Date.now() + HOUR / 2);
    // Carried out after all.
    await overwrite(other, leftover?.key ?? '', CONTENT);
    expect(await node.disposal.deleteLeftovers(new Date(Date.now() + HOUR))).toBe(1);
    expect([await keysAt(other), (await now()).leftovers]).toEqual([[], []]);
  });

  it('passes no faster than it may', async () => {
    const began = performance.now();
    await node.copies.copy(blob, blob, other, { rate: new Throttle(3_000_000) });
    const took = performance.now() - began;
    expect(took).toBeGreaterThan(350);
    expect(took).toBeLessThan(3_000);
  });
});

describe('A switch', () => {
  it('to another first copy leaves the former one for those who read it', async () => {
    const place = await node.copies.copy(blob, blob, other);
    const switched = await node.placement.becomePrimary(blob, place);
    expect(switched).toMatchObject(place);
    const { leftovers, copyDueAt, replicas } = await now();
    expect(leftovers).toMatchObject([{ provider: 'local', key: blob.key }]);
    expect(leftovers?.[0]?.deleteAfter.getTime()).toBeGreaterThan(Date.now() + 0.9 * HOUR);
    expect([copyDueAt, replicas]).toEqual([expect.any(Date), undefined]);
    expect(await node.disposal.deleteLeftovers()).toBe(0);
    expect(await node.disposal.deleteLeftovers(new Date(Date.now() + 2 * HOUR))).toBe(1);
    expect([await keysAt(local), await keysAt(other)]).toEqual([[], [place.key]]);
  });

  it('happens once, whoever else wanted to', async () => {
    const places = [await node.copies.copy(blob, blob, other), await node.copies.copy(blob, blob, other)];
    const ends = await Promise.all(places.map((place) => node.placement.becomePrimary(blob, place)));
    expect(ends.filter(Boolean)).toHaveLength(1);
    const [first, second] = [await node.copies.copy(blob, blob, other), await now()];
    expect(await node.placement.becomeReplica(second, first)).toBeNull();
  });

  it('is refused once the object is being deleted', async () => {
    const place = await node.copies.copy(blob, blob, other);
    await database.collections.blobs.updateOne(
      { _id: blob._id },
      { $set: { 'leftovers.0.deleteAfter': CONDEMNED } },
    );
    expect(await node.placement.becomeReplica(blob, place)).toBeNull();
    expect(await node.placement.becomePrimary(blob, place)).toBeNull();
    expect(await node.placement.renew(blob, place)).toBe(false);
  });

  it('never meets a deletion half-way', async () => {
    for (let round = 0; round < 20; round += 1) {
      const place = await node.copies.copy(blob, blob, other);
      const [replica] = await Promise.all([
        pause(round % 4).then(() => node.placement.becomeReplica(blob, place)),
        node.disposal.deleteLeftovers(new Date(Date.now() + 2 * HOUR)),
      ]);
      expect(await keysAt(other)).toEqual(replica ? [place.key] : []);
      await database.collections.blobs.updateOne({ _id: blob._id }, { $unset: { replicas: '' } });
      await other.delete(place.key);
    }
  });

  it('is told to every file, and told again as long as an upload may not know of it', async () => {
    const place = await node.copies.copy(blob, blob, other);
    const claims = [{ file: blob._id, amount: 1, at: new Date() }];
    await database.collections.blobs.updateOne({ _id: blob._id }, { claims });
    const switched = await node.placement.becomePrimary(blob, place);
    await node.placement.settle(switched ?? blob);
    expect((await now()).copyDueAt?.getTime()).toBeGreaterThan(Date.now());
    await database.collections.blobs.updateOne({ _id: blob._id }, { claims: [] });
    await node.placement.settle(await now());
    expect((await now()).copyDueAt).toBeUndefined();
    const file = await database.collections.files.collection.findOne({ blob: blob._id });
    expect(file).toMatchObject({ storageProvider: 'aws', storageLocation: other.location });
  });
});
