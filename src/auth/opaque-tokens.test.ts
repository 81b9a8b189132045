import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { newRefreshToken, parseRefreshToken } from './opaque-tokens.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

test('a token is 48 random bytes whose digests are of its first 16 and of all', () => {
  const token = newRefreshToken();
  const bytes = Buffer.from(token.text, 'base64url');
  expect(bytes).toHaveLength(48);
  expect(token.family).toBe(sha256(bytes.subarray(0, 16)));
  expect(token.tokenHash).toBe(sha256(bytes));
});

test('tokens of one login share their family and nothing else', () => {
  const first = newRefreshToken();
  const second = newRefreshToken(first);
  const third = newRefreshToken(second);
  expect(third.family).toBe(first.family);
  expect(new Set([first, second, third].map(({ tokenHash }) => tokenHash)).size).toBe(3);
  expect(newRefreshToken().family).not.toBe(first.family);
});

test('what was given out is read back as it was', () => {
  const token = newRefreshToken();
  expect(parseRefreshToken(token.text)).toEqual(token);
});

test.each([
  ['nothing', ''],
  ['a shorter one', 'A'.repeat(63)],
  ['a longer one', 'A'.repeat(65)],
  ['one with a line end', `${'A'.repeat(64)}\n`],
  ['standard base64', `${'A'.repeat(63)}+`],
  ['an access token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl'],
  ['a query operator', { $ne: null }],
  ['an array', ['A'.repeat(64)]],
  ['null', null],
])('%s is no token', (_, garbage) => {
  expect(parseRefreshToken(garbage)).toBeNull();
});
