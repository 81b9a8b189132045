import { createHash, createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  newRecoveryCodes,
  newSharedSecret,
  otpauthUri,
  recoveryCodeHash,
  stepOfCode,
} from './one-time-codes.ts';

// "12345678901234567890" in base32, the SHA-1 secret of RFC 6238's test vectors.
const RFC_SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

test.each([
  // RFC 6238, appendix B, the last six of its eight digits.
  [59, '287082'],
  [1111111109, '081804'],
  [1111111111, '050471'],
  [1234567890, '005924'],
  [2000000000, '279037'],
  [20000000000, '353130'],
])('at %i seconds the code of RFC 6238 is right, and of that step', (seconds, code) => {
  expect(stepOfCode(RFC_SECRET, code, seconds * 1000)).toBe(Math.floor(seconds / 30));
});

test('a clock may be one step behind or ahead, and not two', () => {
  const step = 41152263;
  for (const [off, found] of [
    [-2, null],
    [-1, step],
    [0, step],
    [1, step],
    [2, null],
  ] as const) {
    expect(stepOfCode(RFC_SECRET, '005924', (step + off) * 30_000)).toBe(found);
    expect(stepOfCode(RFC_SECRET, '005924', (step + off) * 30_000 + 29_999)).toBe(found);
  }
});

test('a code may be typed in groups', () => {
  expect(stepOfCode(RFC_SECRET, ' 005 924', 1234567890_000)).toBe(41152263);
});

test.each([
  ['nothing', ''],
  ['five digits', '05924'],
  ['seven digits', '0005924'],
  ['eight digits of another setting', '89005924'],
  ['letters', 'abcdef'],
  ['digits of another script', '٠٠٥٩٢٤'],
  ['a number', 5924],
  ['a query operator', { $gt: '' }],
  ['null', null],
])('%s is no code', (_, code) => {
  expect(stepOfCode(RFC_SECRET, code, 1234567890_000)).toBeNull();
});

test('the address tells apps the secret and everything that they need to know', () => {
  const secret = newSharedSecret();
  expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  const uri = new URL(otpauthUri(secret, 'imaginaryStorage', 'ada'));
  expect([uri.protocol, uri.host, decodeURIComponent(uri.pathname)]).toEqual([
    'otpauth:',
    'totp',
    '/imaginaryStorage:ada',
  ]);
  expect(Object.fromEntries(uri.searchParams)).toEqual({
    issuer: 'imaginaryStorage',
    secret,
    algorithm: 'SHA1',
    digits: '6',
    period: '30',
  });
});

test('a code made by the book from the secret is right', () => {
  const secret = newSharedSecret();
  const now = Date.now();
  expect(stepOfCode(secret, byTheBook(secret, now), now)).toBe(Math.floor(now / 30_000));
});

/** RFC 4226 section 5.3, written out. */
function byTheBook(base32: string, now: number): string {
  const bits = [...base32]
    .map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 0xf;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

test('recovery codes are twenty random letters that nobody mistakes, in five groups', () => {
  const codes = newRecoveryCodes(500);
  expect(new Set(codes).size).toBe(500);
  for (const code of codes) expect(code).toMatch(/^(?:[0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z]{4}$/);
  expect(new Set(codes.join('')).size).toBe(33);
});

test('a recovery code counts however it is typed, and is kept as its SHA-256', () => {
  const hash = createHash('sha256').update('70A1BCDE0F1G2H3J4K5M').digest('hex');
  for (const typed of ['70A1-BCDE-0F1G-2H3J-4K5M', '70a1bcde0f1g2h3j4k5m', ' 7OAI bcde-OFlG 2H3J 4k5m '])
    expect(recoveryCodeHash(typed)).toBe(hash);
  for (const none of ['', '123456', '70A1-BCDE-0F1G-2H3J-4K5', 'U'.repeat(20), { $ne: 1 }, null])
    expect(recoveryCodeHash(none)).toBeNull();
});
