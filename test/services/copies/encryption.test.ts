import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Stores } from '../../../src/blobs/stores.ts';
import { cipherSize } from '../../../src/encryption/segments.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { DownloadService } from '../../../src/services/files/downloads.ts';
import { overwrite } from '../../support/nodes/copy-node.ts';
import { liesBelow, masterKey, SealedBench } from '../../support/sealed-bench.ts';

const SEGMENT = 65_536;
const CONTENT = randomBytes(3 * SEGMENT + 1_234);
let bench: SealedBench;

beforeAll(async () => {
  bench = await SealedBench.open();
});
afterAll(() => bench.database.close());
beforeEach(() => bench.fill());
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.empty();
});

const stored = async (file: StoredFile) => {
  const { key } = await bench.blobOf(file);
  return Buffer.concat(await (await bench.local.open(key)).stream.toArray());
};
const UNAVAILABLE = { code: 'STORAGE_UNAVAILABLE' };

describe('An upload with master keys', () => {
  test('is stored encrypted, is told of as such, and is read as it was sent', async () => {
    const node = bench.node(['new', 'old']);
    const file = await node.upload(CONTENT);
    const encryption = { isEncrypted: true, algorithm: 'AES-256-GCM-STREAM', keyId: 'new' };
    expect(file).toMatchObject({ fileSize: CONTENT.length, encryption });
    expect(await bench.told(file)).toEqual(encryption);
    expect(await stored(file)).toHaveLength(cipherSize(CONTENT.length));
    expect(await liesBelow(bench.folder, CONTENT)).toBe(false);
    expect((await node.read(file)).equals(CONTENT)).toBe(true);
  });

  test('is read by any range as it was sent', async () => {
    const node = bench.node(['a']);
    const file = await node.upload(CONTENT);
    const last = CONTENT.length - 1;
    const edges = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT - 1, last - 1, last];
    for (const start of edges) {
      for (const end of [...edges, last + 10].filter((at) => at >= start)) {
        const read = await node.read(file, { start, end });
        expect(read.equals(CONTENT.subarray(start, end + 1)), `${start}-${end}`).toBe(true);
      }
    }
    await expect(node.read(file, { start: last + 1, end: last + 2 })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
  });

  test('of no bytes is one empty segment, whose tag is held to be right too', async () => {
    const node = bench.node(['a']);
    const file = await node.upload(Buffer.alloc(0));
    expect(await stored(file)).toHaveLength(16);
    expect(await node.read(file)).toHaveLength(0);
    await overwrite(bench.local, (await bench.blobOf(file)).key, Buffer.alloc(16));
    await expect(node.read(file)).rejects.toMatchObject(UNAVAILABLE);
  });

  test('has a data key of its own, wrapped for its blob alone', async () => {
    const node = bench.node(['a']);
    const [one, other] = [await node.upload(CONTENT), await node.upload(CONTENT.subarray(1))];
    const [first, second] = [await bench.blobOf(one), await bench.blobOf(other)];
    expect(node.keys.of(first)?.equals(node.keys.of(second) as never)).toBe(false);
    const { blobs } = bench.database.collections;
    await blobs.updateOne({ _id: first._id }, { $set: { encryption: second.encryption } });
    await expect(node.read(one)).rejects.toMatchObject(UNAVAILABLE);
  });

  test('shares the blob of an equal content, also of one that was stored plain before', async () => {
    const before = await bench.node([]).upload(CONTENT);
    const node = bench.node(['a']);
    const after = await node.upload(CONTENT);
    expect(after.blob).toEqual(before.blob);
    expect(after.encryption).toEqual({ isEncrypted: false, algorithm: null, keyId: null });
    const [one, other] = await Promise.all([
      node.upload(CONTENT.subarray(7)),
      node.upload(CONTENT.subarray(7)),
    ]);
    expect(one.blob).toEqual(other.blob);
    expect(await bench.told(other)).toMatchObject({ isEncrypted: true });
    expect((await node.read(one)).equals(CONTENT.subarray(7))).toBe(true);
  });

  test('that breaks off leaves no plain byte, and neither do one that is under way nor its part', async () => {
    const node = bench.node(['a']);
    const source = new Readable({ read() {} });
    const incoming = { open: async () => ({ filename: 'a', mimeType: '', stream: source }) };
    const uploading = node.services.uploads.upload(bench.viewer, incoming, {}, new AbortController().signal);
    uploading.catch(() => undefined);
    for (let at = 0; at < CONTENT.length; at += 10_000) source.push(CONTENT.subarray(at, at + 10_000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await liesBelow(bench.folder, CONTENT)).toBe(false);
    source.destroy(new Error('gone'));
    await expect(uploading).rejects.toThrow('gone');
    expect(await liesBelow(bench.folder, CONTENT)).toBe(false);
  });
});

describe('Stored bytes that were tampered with', () => {
  const flipped = (bytes: Buffer, at: number) => Buffer.from(bytes).fill((bytes[at] ?? 0) ^ 1, at, at + 1);
  const sealed = SEGMENT + 16;
  const swapped = (bytes: Buffer) =>
    Buffer.concat([
      bytes.subarray(sealed, 2 * sealed),
      bytes.subarray(0, sealed),
      bytes.subarray(2 * sealed),
    ]);
  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['in the first segment', (bytes) => flipped(bytes, 5)],
    ['in the first tag', (bytes) => flipped(bytes, sealed - 1)],
    ['cut', (bytes) => bytes.subarray(0, -1)],
    ['cut between segments', (bytes) => bytes.subarray(0, 2 * sealed)],
    ['continued', (bytes) => Buffer.concat([bytes, bytes.subarray(0, 16)])],
    ['swapped', swapped],
    ['those of nothing', (bytes) => Buffer.alloc(bytes.length)],
  ])('%s: no byte is given out, and the damage is noted', async (_what, tamper) => {
    const node = bench.node(['a']);
    const file = await node.upload(CONTENT);
    await overwrite(bench.local, (await bench.blobOf(file)).key, tamper(await stored(file)));
    await expect(node.read(file)).rejects.toMatchObject(UNAVAILABLE);
    await vi.waitFor(async () => expect((await bench.blobOf(file)).damagedAt).toBeInstanceOf(Date));
  });

  test('in a later segment: the read ends before it, and the damage is noted', async () => {
    const node = bench.node(['a']);
    const content = randomBytes(1_900_000);
    const file = await node.upload(content);
    await overwrite(
      bench.local,
      (await bench.blobOf(file)).key,
      flipped(await stored(file), 20 * sealed + 9),
    );
    const stream = await node.reader.open(await node.reader.find(file.blob));
    const released: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of stream) released.push(chunk);
    })();
    await expect(reading).rejects.toMatchObject(UNAVAILABLE);
    const bytes = Buffer.concat(released);
    expect(bytes.length).toBeLessThanOrEqual(20 * SEGMENT);
    expect(bytes.equals(content.subarray(0, bytes.length))).toBe(true);
    await vi.waitFor(async () => expect((await bench.blobOf(file)).damagedAt).toBeInstanceOf(Date));
    // What does not touch it is as good as ever.
    const range = { start: 0, end: SEGMENT + 5 };
    expect((await node.read(file, range)).equals(content.subarray(0, SEGMENT + 6))).toBe(true);
  });

  test('by putting one content in the place of another of the same size', async () => {
    const node = bench.node(['a']);
    const [one, other] = [await node.upload(CONTENT), await node.upload(randomBytes(CONTENT.length))];
    const [first, second] = [await stored(one), await stored(other)];
    await overwrite(bench.local, (await bench.blobOf(one)).key, second);
    await overwrite(bench.local, (await bench.blobOf(other)).key, first);
    for (const file of [one, other]) await expect(node.read(file)).rejects.toMatchObject(UNAVAILABLE);
  });
});

describe('Without its master key', () => {
  const WRONG = `a:${masterKey('another').slice('another:'.length)}`;
  test.each([
    ['missing', ['b']],
    ['missing', []],
    ['wrong', [WRONG]],
  ])('a content cannot be read while the key is %s, and the log hears of it once', async (trouble, keys) => {
    const file = await bench.node(['a']).upload(CONTENT);
    const node = bench.node(keys);
    for (let i = 0; i < 3; i += 1) await expect(node.read(file)).rejects.toMatchObject(UNAVAILABLE);
    expect(bench.alerts).toHaveLength(1);
    expect(bench.alerts[0]).toMatchObject({ keyId: 'a', trouble });
    expect((await bench.blobOf(file)).damagedAt).toBeUndefined();
    expect(await node.rotation.unreadable()).toEqual([{ name: 'a', state: trouble }]);
    expect(await bench.node(['b', 'a']).rotation.unreadable()).toEqual([]);
  });

  test('a content is there again for all its files once it is uploaded again', async () => {
    const before = await bench.node(['a']).upload(CONTENT);
    const node = bench.node(['b']);
    const after = await node.upload(CONTENT);
    expect(after.blob).toEqual(before.blob);
    for (const file of [before, after]) {
      expect((await node.read(file)).equals(CONTENT)).toBe(true);
      expect(await bench.told(file)).toMatchObject({ keyId: 'b' });
    }
    await node.copies.disposal.deleteLeftovers(new Date(Date.now() + 60_000));
    expect((await node.read(before)).equals(CONTENT)).toBe(true);
  });
});

test('nothing that is encrypted is ever redirected to, whatever its file was told', async () => {
  const node = bench.node(['a']);
  const file = await node.upload(CONTENT);
  const address = async () => 'https://provider.test/plain';
  const direct = new Proxy(bench.local, {
    has: (target, name) => name === 'downloadUrl' || name === 'uploadAddress' || name in target,
    get: (target, name) => {
      if (name === 'downloadUrl' || name === 'uploadAddress') return address;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const stores = new Stores([direct]);
  const downloads = new DownloadService({ stores, reader: node.reader, redirects: true } as never);
  const facts = { contentType: 'a/b', contentDisposition: 'attachment' };
  const untold = { ...file, encryption: { isEncrypted: false } };
  expect(await downloads.addressElsewhere(untold, facts)).toBeNull();
  const plain = await bench.node([]).upload(CONTENT.subarray(1));
  expect(await downloads.addressElsewhere(plain, facts)).toBe(await address());
});
