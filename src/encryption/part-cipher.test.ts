import { createCipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { BrokenSeal } from './broken-seal.ts';
import { newDataKey } from './master-keys.ts';
import { PartEncryptor, PartReader, sealedPartSize } from './part-cipher.ts';

const KEY = newDataKey();
const PLAIN = randomBytes(150_000);

async function seal(plain: Buffer, number = 7): Promise<Buffer> {
  const encryptor = Readable.from([plain], { objectMode: false }).pipe(new PartEncryptor(KEY, number));
  return Buffer.concat(await encryptor.toArray());
}

function open(sealed: Buffer, { key = KEY, number = 7, size = PLAIN.length, step = 999 } = {}): Buffer {
  const reader = new PartReader(key, number, size);
  const plain: Buffer[] = [];
  for (let at = 0; at < sealed.length; at += step) plain.push(...reader.push(sealed.subarray(at, at + step)));
  reader.end();
  return Buffer.concat(plain);
}

test('a part is decrypted from pieces of any size, an empty one too', async () => {
  const sealed = await seal(PLAIN);
  expect(sealed).toHaveLength(sealedPartSize(PLAIN.length));
  for (const step of [1, 16, 17, 65_568, 500_000]) expect(open(sealed, { step }).equals(PLAIN)).toBe(true);
  expect(open(await seal(Buffer.alloc(0)), { size: 0 })).toHaveLength(0);
});

test('a part that is sent again is encrypted with another key', async () => {
  const [one, other] = [await seal(PLAIN), await seal(PLAIN)];
  expect(one.subarray(0, 16).equals(other.subarray(0, 16))).toBe(false);
  expect(one.subarray(16, 1_000).equals(other.subarray(16, 1_000))).toBe(false);
});

test('a part stands for no other part and no other upload, and is not cut', async () => {
  const sealed = await seal(PLAIN);
  expect(() => open(sealed, { number: 8 })).toThrow(BrokenSeal);
  expect(() => open(sealed, { key: newDataKey() })).toThrow(BrokenSeal);
  for (const length of [0, 10, 16, 1_000, sealed.length - 1]) {
    expect(() => open(sealed.subarray(0, length))).toThrow(BrokenSeal);
  }
});

test('its key is derived by HKDF from salt and number: a known answer', () => {
  // Derived by another implementation in another language, of the bytes 0…31 and the salt 0…15.
  const derived = Buffer.from('aad6cd27236affd081f9c7aad00fad572dfa0ced01aa865390288fdd3c88d9a1', 'hex');
  const salt = Buffer.from(Array.from({ length: 16 }, (_, i) => i));
  const uploadKey = createSecretKey(Buffer.from(Array.from({ length: 32 }, (_, i) => i)));
  const cipher = createCipheriv('aes-256-gcm', derived, Buffer.from(`${'00'.repeat(11)}01`, 'hex'));
  const sealed = Buffer.concat([salt, cipher.update('part'), cipher.final(), cipher.getAuthTag()]);
  expect(open(sealed, { key: uploadKey, size: 4 }).toString()).toBe('part');
});
