import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { cipherSize } from '../../../src/encryption/segments.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import type { Place } from '../../../src/models/place.ts';
import { overwrite } from '../../support/nodes/copy-node.ts';
import { SealedBench, type SealedNode } from '../../support/sealed-bench.ts';

const CONTENT = randomBytes(150_000);
const never = new AbortController().signal;
const silent = { copied: () => undefined, moved: () => undefined, failed: () => undefined };
let bench: SealedBench;
let node: SealedNode;

beforeAll(async () => {
  bench = await SealedBench.open();
});
afterAll(() => bench.database.close());
beforeEach(async () => {
  await bench.fill();
  node = bench.node(['a'], { backup: 'aws' });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.empty();
});

const storeOf = ({ provider }: Place): BlobStore => (provider === 'aws' ? bench.other : bench.local);
const bytesAt = async (place: Place) =>
  Buffer.concat(await (await storeOf(place).open(place.key)).stream.toArray());
const flip = async (place: Place) => {
  const bytes = await bytesAt(place);
  await overwrite(
    storeOf(place),
    place.key,
    Buffer.from(bytes).fill((bytes[70_000] ?? 0) ^ 1, 70_000, 70_001),
  );
};
/** Both copies, the first one first. */
const copiesOf = async (file: StoredFile): Promise<[Place, Place]> => {
  const blob = await bench.blobOf(file);
  expect(blob.replicas).toHaveLength(1);
  return [blob, blob.replicas?.[0] as Place];
};
/** Fails unless the content can be read from each copy alone. */
async function expectBothRight(file: StoredFile, content = CONTENT): Promise<void> {
  for (const place of await copiesOf(file)) {
    const blob = { ...(await bench.blobOf(file)), ...place, replicas: [] };
    const read = Buffer.concat(await (await node.reader.open(blob)).toArray());
    expect(read.equals(content)).toBe(true);
  }
}
async function stored(): Promise<StoredFile> {
  const file = await node.upload(CONTENT);
  await node.copies.work();
  expect(node.copies.failures).toEqual([]);
  return file;
}

describe('A second copy of an encrypted content', () => {
  test('is the same bytes, under the same key', async () => {
    const file = await stored();
    const [first, second] = await copiesOf(file);
    expect((await bytesAt(first)).equals(await bytesAt(second))).toBe(true);
    expect(await bytesAt(second)).toHaveLength(cipherSize(CONTENT.length));
    await expectBothRight(file);
  });

  test('serves when the first was tampered with, which is repaired from it', async () => {
    const file = await stored();
    const [first] = await copiesOf(file);
    await flip(first);
    expect((await node.read(file)).equals(CONTENT)).toBe(true);
    await vi.waitFor(async () => expect((await bench.blobOf(file)).damagedAt).toBeInstanceOf(Date));
    await node.copies.work();
    await expectBothRight(file);
  });

  test('is not made of bytes that were tampered with, nor without the master key', async () => {
    const file = await node.upload(CONTENT);
    const without = bench.node(['b'], { backup: 'aws' });
    await without.copies.work();
    expect(without.copies.failures).toHaveLength(1);
    await flip(await bench.blobOf(file));
    await bench.database.collections.blobs.updateMany({}, { $set: { copyDueAt: new Date(0) } });
    await node.copies.work();
    expect((await bench.blobOf(file)).replicas ?? []).toEqual([]);
    expect(await Array.fromAsync(bench.other.list())).toEqual([]);
  });

  test('of a content that was healed under another key is made anew', async () => {
    const file = await stored();
    const [first, second] = await copiesOf(file);
    await bench.local.delete(first.key);
    await bench.other.delete(second.key);
    const healed = await node.upload(CONTENT);
    expect(healed.blob).toEqual(file.blob);
    expect((await bench.blobOf(file)).replicas).toBeUndefined();
    await node.copies.work();
    await expectBothRight(file);
    const [, again] = await copiesOf(file);
    expect(again.key).not.toBe(second.key);
    await node.copies.disposal.deleteLeftovers(new Date(Date.now() + 60_000));
    expect((await Array.fromAsync(bench.other.list())).map(({ key }) => key)).toEqual([again.key]);
  });

  test('is given up with the first when the content is healed though it was whole: it has the former key', async () => {
    const file = await stored();
    const [first, second] = await copiesOf(file);
    await bench.local.delete(first.key);
    await node.upload(CONTENT);
    const healed = await bench.blobOf(file);
    expect(healed.leftovers?.map(({ key }) => key)).toEqual([first.key, second.key]);
    expect((await node.read(file)).equals(CONTENT)).toBe(true);
    await node.copies.work();
    await expectBothRight(file);
  });

  test('of a plain content is given up too when that is healed encrypted', async () => {
    const plain = bench.node([], { backup: 'aws' });
    const file = await plain.upload(CONTENT);
    await plain.copies.work();
    const [first] = await copiesOf(file);
    await bench.local.delete(first.key);
    await node.upload(CONTENT);
    expect((await bench.blobOf(file)).encryption).toMatchObject({ keyId: 'a' });
    expect(await bench.told(file)).toMatchObject({ isEncrypted: true, keyId: 'a' });
    await node.copies.work();
    await expectBothRight(file);
  });

  test('of a plain content that is healed encrypted leaves none of its words unencrypted', async () => {
    const { blobs, files } = bench.database.collections;
    const plain = bench.node([]);
    const file = await plain.upload(CONTENT);
    const first = await bench.blobOf(file);
    await blobs.updateOne({ _id: first._id }, { $set: { textWords: ['secret'] } });
    const words = { words: ['name', '\u0001secret'], contentWordsOf: first._id };
    await files.collection.updateOne({ _id: file._id }, { $set: words } as never);
    await bench.local.delete(first.key);
    await node.upload(CONTENT);
    const stored = { projection: { textWords: 1, words: 1, contentWordsOf: 1 } };
    const blob = await blobs.collection.findOne({ _id: first._id } as never, stored as never);
    expect(blob).toEqual({ _id: first._id });
    expect(await files.collection.findOne({ _id: file._id } as never, stored as never)).toMatchObject({
      words: ['name'],
      contentWordsOf: first._id,
    });
  });

  test('that was begun before the content was healed does not become one of the healed content', async () => {
    const file = await node.upload(CONTENT);
    const before = await bench.blobOf(file);
    const place = await node.copies.copies.copy(before, before, bench.other);
    await bench.local.delete(before.key);
    await node.upload(CONTENT);
    expect(await node.copies.placement.becomeReplica(before, place)).toBeNull();
    await node.copies.copies.discard(before, place);
    await node.copies.work();
    await expectBothRight(file);
  });
});

test('a move takes the encrypted bytes as they are, and reads go on', async () => {
  node = bench.node(['a']);
  const file = await node.upload(CONTENT);
  const bytes = await bytesAt(await bench.blobOf(file));
  const order = { from: 'local', to: 'aws' };
  expect(await node.copies.moves.sum(order)).toEqual({ blobs: 1, bytes: cipherSize(CONTENT.length) });
  await node.copies.moves.move(order, { signal: never, observer: silent });
  const moved = await bench.blobOf(file);
  expect(moved.provider).toBe('aws');
  expect((await bytesAt(moved)).equals(bytes)).toBe(true);
  expect((await node.read(file)).equals(CONTENT)).toBe(true);
});

describe('A check', () => {
  test('finds nothing wrong with encrypted contents, deep or not', async () => {
    await stored();
    await bench.node([]).upload(CONTENT.subarray(1));
    for (const deep of [false, true]) expect((await node.check.run({ deep })).brief).toEqual([]);
  });

  test('meets tampered bytes only with --deep, and repairs them from the other copy', async () => {
    const file = await stored();
    for (const which of [0, 1] as const) {
      await flip((await copiesOf(file))[which]);
      expect((await node.check.run()).brief).toEqual([]);
      expect((await node.check.run({ deep: true, repair: true })).brief).toEqual(['wrong-hash repaired']);
      await node.copies.work();
      await expectBothRight(file);
    }
  });

  test('meets a copy that is cut by its size, held against that of the encrypted bytes', async () => {
    const file = await stored();
    const [first] = await copiesOf(file);
    await overwrite(bench.local, first.key, (await bytesAt(first)).subarray(0, CONTENT.length));
    expect((await node.check.run({ repair: true })).brief).toEqual(['wrong-size repaired']);
    await expectBothRight(file);
  });

  test('gives no content up, and repairs none, for want of its master key', async () => {
    const file = await stored();
    const [first] = await copiesOf(file);
    const without = bench.node(['b']);
    const deep = await without.check.run({ deep: true, repair: true });
    expect(deep.brief).toEqual(['no-key failed']);
    expect(deep.summary?.unreachable).toEqual([]);
    await bench.local.delete(first.key);
    const { results } = await without.check.run({ repair: true });
    expect(results).toMatchObject([{ kind: 'missing', outcome: 'failed' }]);
    expect((await bench.blobOf(file)).lostAt).toBeUndefined();
    expect((await node.check.run({ repair: true })).brief).toEqual(['missing repaired']);
    await expectBothRight(file);
  });

  test('finds a lost content again once its encrypted bytes are back, whole', async () => {
    node = bench.node(['a']);
    const file = await node.upload(CONTENT);
    const place = await bench.blobOf(file);
    const bytes = await bytesAt(place);
    await bench.local.delete(place.key);
    expect((await node.check.run({ repair: true })).brief).toEqual(['missing lost']);
    await overwrite(bench.local, place.key, Buffer.from(bytes).fill(0, 10, 20));
    expect((await node.check.run({ repair: true })).brief).toEqual([]);
    await overwrite(bench.local, place.key, bytes);
    expect((await bench.node(['b']).check.run({ repair: true })).brief).toEqual([]);
    expect((await node.check.run({ repair: true })).brief).toEqual(['found-again repaired']);
    expect((await node.read(file)).equals(CONTENT)).toBe(true);
  });

  test('puts right what files tell of their master key', async () => {
    const file = await stored();
    const { files } = bench.database.collections;
    await files.updateMany({}, { $set: { 'encryption.keyId': 'former' } });
    expect((await node.check.run({ repair: true })).brief).toEqual(['wrong-place repaired']);
    expect(await bench.told(file)).toMatchObject({ keyId: 'a' });
  });
});
