import { createCipheriv, createHash, createSecretKey } from 'node:crypto';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BrokenSeal } from './broken-seal.ts';
import { Decryptor } from './decryptor.ts';
import { Encryptor } from './encryptor.ts';
import { newDataKey } from './master-keys.ts';
import { sealing } from './segment-cipher.ts';
import { SegmentReader } from './segment-reader.ts';
import { cipherSize, SEGMENT_BYTES, spanOf } from './segments.ts';

const SEALED_BYTES = SEGMENT_BYTES + 16;
const BYTES = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
const KEY = createSecretKey(BYTES);
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Bytes without a pattern: the SHA-256 of 0, 1, 2 … as four bytes. */
function content(size: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, i) => {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(i);
    return createHash('sha256').update(number).digest();
  });
  return Buffer.concat(blocks).subarray(0, size);
}

/** The construction once more, as plainly as it can be said. */
function reference(plain: Buffer): Buffer {
  const sealed: Buffer[] = [];
  const count = Math.max(1, Math.ceil(plain.length / SEGMENT_BYTES));
  for (let i = 0; i < count; i += 1) {
    const nonce = Buffer.from(`${i.toString(16).padStart(22, '0')}${i === count - 1 ? '01' : '00'}`, 'hex');
    const cipher = createCipheriv('aes-256-gcm', BYTES, nonce);
    const segment = plain.subarray(i * SEGMENT_BYTES, (i + 1) * SEGMENT_BYTES);
    sealed.push(cipher.update(segment), cipher.final(), cipher.getAuthTag());
  }
  return Buffer.concat(sealed);
}

/** The bytes in pieces, each as long as told, again and again. */
function* pieces(bytes: Buffer, lengths: readonly number[]) {
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const length = lengths[i % lengths.length] ?? 1;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

const through = async (bytes: Buffer, stream: NodeJS.ReadWriteStream, lengths: readonly number[]) => {
  const chunks: Buffer[] = [];
  const source = Readable.from(pieces(bytes, lengths), { objectMode: false });
  for await (const chunk of source.pipe(stream) as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
};
const encrypt = (plain: Buffer, key = KEY, lengths = [60_000]) => through(plain, new Encryptor(key), lengths);
const decrypt = (sealed: Buffer, size: number, key = KEY, lengths = [60_000]) =>
  through(sealed, new Decryptor(key, size), lengths);

describe('Known answers', () => {
  test('the cipher is AES-256-GCM: test cases 13 and 14 of its specification', () => {
    const zero = createSecretKey(Buffer.alloc(32));
    const empty = sealing(zero, 0, false);
    empty.final();
    expect(empty.getAuthTag().toString('hex')).toBe('530f8afbc74536b9a963b4f1c4cb738b');
    const block = sealing(zero, 0, false);
    expect(block.update(Buffer.alloc(16)).toString('hex')).toBe('cea7403d4d606b6e074ec5d3baf39d18');
    block.final();
    expect(block.getAuthTag().toString('hex')).toBe('d0d1c8a799996bf0265b98b5d48ab919');
  });

  // Made by another implementation in another language.
  test.each([
    [0, '34d1109210ab966e613094e6cad1184ea9d0465040a883f8fede10b814b473b0'],
    [1, 'ead04fb95e5f3f03a2d0faf6e48b66f48fa19caf590f01b1d2a02cbc443152ff'],
    [65_535, '2e1b32ae979917e04cf4fb5bd952f666b0924411f2b608d34d6426547a9ea001'],
    [65_536, '3c3351028fadfb527239a5b7e92f209810d945e5e5492de6953181201e038e5e'],
    [65_537, '4508888a787f38a9012f31fa22a8dda72310f7d098b36b4f0f6f295ff8b0153d'],
    [200_000, '2a1e72d9d3ddf2e9d5cd45b518638e19d40e159a93f27cdb99864339b2c41d85'],
  ])('%i bytes are encrypted to what they were encrypted to before', async (size, hash) => {
    const sealed = await encrypt(content(size));
    expect(sha256(sealed)).toBe(hash);
    expect(sealed.equals(reference(content(size)))).toBe(true);
    expect(sealed).toHaveLength(cipherSize(size));
  });
});

test('what was encrypted in pieces of any size is decrypted from pieces of any other', async () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 150_000 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 400_000 }), lengths, lengths, async (size, one, other) => {
      const plain = content(size);
      const sealed = await encrypt(plain, KEY, one);
      expect(sealed.equals(reference(plain))).toBe(true);
      expect((await decrypt(sealed, size, KEY, other)).equals(plain)).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test('a range is decrypted from the segments that it touches alone', async () => {
  const plain = content(5 * SEGMENT_BYTES + 77);
  const sealed = reference(plain);
  const position = fc.integer({ min: 0, max: plain.length - 1 });
  await fc.assert(
    fc.asyncProperty(position, position, async (one, other) => {
      const [start, end] = one < other ? [one, other] : [other, one];
      const span = spanOf(plain.length, { start, end });
      const stored = sealed.subarray(span.start, span.end + 1);
      const read = await through(stored, new Decryptor(KEY, plain.length, span), [50_000]);
      expect(read.equals(plain.subarray(start, end + 1))).toBe(true);
    }),
    { numRuns: 100 },
  );
});

describe('Bytes that are not what was encrypted', () => {
  const size = 3 * SEGMENT_BYTES + 1_000;
  const plain = content(size);
  const sealed = reference(plain);
  const segment = (i: number, of = sealed) => of.subarray(i * SEALED_BYTES, (i + 1) * SEALED_BYTES);
  const all = [0, 1, 2, 3];
  const joined = (order: readonly number[]) => Buffer.concat(order.map((i) => segment(i)));
  const replaced = (i: number, by: Buffer) =>
    Buffer.concat(all.map((each) => (each === i ? by : segment(each))));

  /** What comes out before it fails; throws when it does not. */
  function releasedBy(bytes: Buffer, plainBytes = size, key = KEY): Buffer {
    const released: Buffer[] = [];
    const reader = new SegmentReader(key, plainBytes, spanOf(plainBytes));
    try {
      for (const piece of pieces(bytes, [30_000])) released.push(...reader.push(piece));
      reader.end();
    } catch (error) {
      expect(error).toBeInstanceOf(BrokenSeal);
      expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
      return Buffer.concat(released);
    }
    throw new Error('Nothing was noticed.');
  }

  const cases: [string, number, () => Buffer | Promise<Buffer>][] = [
    ['cut in the middle of a segment', 1, () => sealed.subarray(0, SEALED_BYTES + 500)],
    ['cut between two segments', 2, () => sealed.subarray(0, 2 * SEALED_BYTES)],
    ['cut by its last segment', 3, () => sealed.subarray(0, 3 * SEALED_BYTES)],
    ['cut by one byte', 3, () => sealed.subarray(0, -1)],
    ['cut to nothing', 0, () => Buffer.alloc(0)],
    ['continued by one byte', 4, () => Buffer.concat([sealed, Buffer.alloc(1)])],
    ['continued by a segment of its own', 4, () => Buffer.concat([sealed, segment(3)])],
    ['in another order', 1, () => joined([0, 2, 1, 3])],
    ['without one of its segments', 1, () => joined([0, 2, 3])],
    ['with one segment twice', 2, () => joined([0, 1, 1, 3])],
    ['with the last segment in the middle', 1, () => joined([0, 3, 2, 3])],
    ['another content under another key', 0, () => encrypt(plain, newDataKey())],
    [
      'mixed with another content',
      1,
      async () => replaced(1, segment(1, await encrypt(plain, newDataKey()))),
    ],
    ['plain', 0, () => plain],
  ];
  test.each(cases)(
    '%s: fails, and gives out no more than the %i segments before',
    async (_what, before, make) => {
      const bytes = await make();
      const released = releasedBy(bytes);
      expect(released.length).toBeLessThanOrEqual(before * SEGMENT_BYTES);
      expect(released.equals(plain.subarray(0, released.length))).toBe(true);
      await expect(decrypt(bytes, size)).rejects.toBeInstanceOf(BrokenSeal);
    },
  );

  test('a content cut to its first segments does not pass for a shorter one', () => {
    for (const segments of [1, 2, 3]) {
      const released = releasedBy(sealed.subarray(0, segments * SEALED_BYTES), segments * SEGMENT_BYTES);
      expect(released.length).toBeLessThanOrEqual((segments - 1) * SEGMENT_BYTES);
    }
    expect(releasedBy(Buffer.alloc(16), 0)).toHaveLength(0);
  });

  test('one bit, anywhere, is noticed, and nothing of its segment is given out', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: sealed.length * 8 - 1 }), (bit) => {
        const bytes = Buffer.from(sealed);
        const at = bit >> 3;
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
        const released = releasedBy(bytes);
        expect(released.length).toBeLessThanOrEqual(Math.floor(at / SEALED_BYTES) * SEGMENT_BYTES);
      }),
      { numRuns: 100 },
    );
  });
});

test('memory stays small however slowly the encrypted bytes are read', async () => {
  let asked = 0;
  const source = new Readable({
    highWaterMark: 0,
    read() {
      asked += 65_536;
      this.push(Buffer.alloc(65_536));
    },
  });
  const encryptor = source.pipe(new Encryptor(newDataKey()));
  await new Promise((resolve) => encryptor.once('readable', resolve));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(asked).toBeLessThan(1024 * 1024);
  source.destroy();
});
