import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { unavailable } from '../../../src/blobs/storage-failure.ts';
import type { Blob } from '../../../src/models/blob.ts';
import { backOff } from '../../../src/services/copies/copy-duty.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  blobNow,
  contradictions,
  copyNode,
  namedStore,
  overwrite,
  storeBlob,
} from '../../support/nodes/copy-node.ts';

const CONTENT = randomBytes(100_000);
const DUE = { copyDueAt: new Date(0) };
let database: TestDatabase;
let folder: string;
let local: BlobStore;
let other: BlobStore;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-duty-'));
  local = await openLocalStore({ UPLOAD_PATH: folder });
  other = await namedStore('aws');
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const collection of Object.values(database.collections)) await collection.deleteMany();
  await rm(folder, { recursive: true, force: true });
});

const node = (backup: string | null = 'aws') => copyNode(database.collections, [local, other], { backup });
const store = (content = CONTENT, changes: Partial<Blob> = {}) =>
  storeBlob(database.collections, local, content, changes);
const now = (blob: Blob) => blobNow(database.collections, blob);
const problems = () => contradictions(database.collections, [local, other]);
/** Deletes every leftover, whatever its time. */
const tidy = () => node().disposal.deleteLeftovers(new Date(Date.now() + 7_200_000));
const replicas = async () =>
  (await database.collections.blobs.find().lean()).map((blob) => blob.replicas?.length ?? 0);

/** A blob with a whole replica. */
async function backedUp(content = CONTENT): Promise<Blob> {
  const blob = await store(content, DUE);
  await node().work();
  return now(blob);
}

describe('Second copies', () => {
  it('are made of what is due, verified, and told to the files', async () => {
    for (let i = 0; i < 5; i += 1) await store(randomBytes(1_000 * i), DUE);
    const one = node();
    expect(await one.duty.isNeeded()).toBe(true);
    expect(await one.work()).toBe(5);
    expect([one.made, one.failures]).toEqual([Array(5).fill('backup'), []]);
    expect([await problems(), await replicas()]).toEqual([[], [1, 1, 1, 1, 1]]);
    expect(await one.duty.isNeeded()).toBe(false);
  });

  it('never lie at the provider of the first', async () => {
    const blob = await storeBlob(database.collections, other, CONTENT, DUE);
    expect(await node().work()).toBe(1);
    expect((await now(blob)).replicas).toBeUndefined();
    expect(await problems()).toEqual([]);
  });

  it('that are missing are made anew', async () => {
    const blob = await backedUp();
    await other.delete(blob.replicas?.[0]?.key ?? '');
    await database.collections.blobs.updateMany({}, DUE);
    await node().work();
    await tidy();
    expect([await problems(), await replicas()]).toEqual([[], [1]]);
  });

  it('are tried again later when they fail, ever more seldom, and others are not kept from theirs', async () => {
    const [bad] = [await store(randomBytes(77), DUE), await store(randomBytes(78), DUE)];
    await local.delete(bad.key);
    const one = node();
    expect(await one.work()).toBe(2);
    expect([one.made.length, one.failures.length]).toEqual([1, 1]);
    const { copyTries, copyDueAt } = await now(bad);
    expect(copyTries).toBe(1);
    expect(copyDueAt?.getTime()).toBeGreaterThan(Date.now() + 5_000);
    expect(await one.work()).toBe(0);
    await database.collections.blobs.updateOne({ _id: bad._id }, DUE);
    await one.work();
    expect((await now(bad)).copyTries).toBe(2);
    await overwrite(local, bad.key, randomBytes(77));
    expect((await now(bad)).damagedAt).toEqual(expect.any(Date));
  });

  it('wait 10 seconds, then twice as long each time, at most an hour', () => {
    for (const [failures, most] of [
      [0, 10],
      [1, 20],
      [3, 80],
      [9, 3_600],
      [5_000, 3_600],
    ] as const) {
      expect(backOff(failures)).toBeLessThanOrEqual(most * 1000);
      expect(backOff(failures)).toBeGreaterThanOrEqual(most * 800);
    }
  });

  it('are made for what was stored before there was a backup, once', async () => {
    for (let i = 0; i < 7; i += 1) await store(randomBytes(10 + i));
    await node(null).work();
    expect(await replicas()).toEqual(Array(7).fill(0));
    const one = node();
    expect([await one.duty.isNeeded(), await one.work()]).toEqual([true, 7]);
    expect([await problems(), await replicas()]).toEqual([[], Array(7).fill(1)]);
    // A next start asks no old blob again.
    const find = vi.spyOn(database.collections.blobs, 'find');
    expect(await node().work()).toBe(0);
    const walked = find.mock.calls.filter(([filter]) => filter && !('copyDueAt' in filter));
    expect(walked).not.toEqual([]);
    for (const [filter] of walked) expect(filter).toHaveProperty('_id.$gt');
  });

  it('are made for what was stored while there was no backup in between', async () => {
    await backedUp();
    await node(null).work();
    await store(randomBytes(5));
    expect(await replicas()).toEqual([1, 0]);
    await node().work();
    expect([await problems(), await replicas()]).toEqual([[], [1, 1]]);
  });

  it('go to a new backup too, and stay at the old one', async () => {
    const blob = await backedUp();
    const third = await namedStore('gcp');
    const changed = copyNode(database.collections, [local, other, third], { backup: 'gcp' });
    await changed.work();
    expect((await now(blob)).replicas?.map(({ provider }) => provider)).toEqual(['aws', 'gcp']);
    expect(await contradictions(database.collections, [local, other, third])).toEqual([]);
  });

  it('are looked for in batches, and a stopped search goes on where it was', async () => {
    const empty = Array.from({ length: 1_200 }, () => ({
      ...{
        hash: '0'.repeat(64),
        size: 0,
        provider: 'aws',
        location: other.location,
        live: false,
        refCount: 0,
      },
      key: randomBytes(16).toString('hex'),
    }));
    await database.collections.blobs.collection.insertMany(empty as never);
    await store();
    const first = node();
    expect(await first.walk.advance()).toBe(true);
    expect(await replicas()).toHaveLength(1_201);
    const find = vi.spyOn(database.collections.blobs, 'find');
    expect(await node().walk.advance()).toBe(true);
    expect(find.mock.calls[0]?.[0]).toHaveProperty('_id.$gt');
    find.mockRestore();
    await node().work();
    expect(await database.collections.blobs.countDocuments({ 'replicas.provider': 'aws' })).toBe(1);
  });

  it('are made once by nodes that work at the same time', async () => {
    for (let i = 0; i < 6; i += 1) await store(randomBytes(30 + i), DUE);
    await Promise.all([node().work(), node().work(), node().work()]);
    await database.collections.blobs.updateMany({ copyDueAt: { $exists: true } }, DUE);
    await node().work();
    await tidy();
    expect([await problems(), await replicas()]).toEqual([[], Array(6).fill(1)]);
  });

  it('stop soon when they are to, and go on later', async () => {
    await store(randomBytes(3_000_000), DUE);
    const stop = new AbortController();
    const open = local.open.bind(local);
    vi.spyOn(local, 'open').mockImplementation(async (...given) => {
      setImmediate(() => stop.abort(new Error('the service stops')));
      return open(...given);
    });
    const stopped = node();
    await expect(stopped.duty.run(stop.signal)).rejects.toThrow('the service stops');
    vi.restoreAllMocks();
    expect(stopped.failures).toEqual([]);
    await node().work();
    await tidy();
    expect([await problems(), await replicas()]).toEqual([[], [1]]);
  });
});

describe('A damaged first copy', () => {
  const damages: [string, (blob: Blob) => Promise<void>][] = [
    ['missing', ({ key }) => local.delete(key)],
    ['short', ({ key }) => overwrite(local, key, CONTENT.subarray(5))],
    ['of other bytes', ({ key }) => overwrite(local, key, randomBytes(CONTENT.length))],
  ];

  it.each(damages)('that is %s is repaired from the second', async (_what, damage) => {
    const blob = await backedUp();
    await damage(blob);
    await node().placement.noteDamage(blob, blob);
    const one = node();
    await one.work();
    expect([one.made, one.failures]).toEqual([['repair'], []]);
    await tidy();
    expect([await problems(), (await now(blob)).damagedAt, await replicas()]).toEqual([[], undefined, [1]]);
  });

  it('that is whole again is let alone', async () => {
    const blob = await backedUp();
    await node().placement.noteDamage(blob, blob);
    const one = node();
    await one.work();
    expect([one.made, (await now(blob)).key, await problems()]).toEqual([[], blob.key, []]);
    expect((await now(blob)).damagedAt).toBeUndefined();
  });

  it('that cannot be asked for now is not replaced', async () => {
    const blob = await backedUp();
    await node().placement.noteDamage(blob, blob);
    vi.spyOn(local, 'stat').mockRejectedValue(unavailable(new Error('no answer')));
    const one = node();
    await one.work();
    expect([one.made, one.failures.length, (await now(blob)).key]).toEqual([[], 1, blob.key]);
  });
});
