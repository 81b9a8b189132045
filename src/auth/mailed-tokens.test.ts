import { expect, test } from 'vitest';
import { mailedTokenHash, newMailedToken } from './mailed-tokens.ts';

test('a token is 64 hex digits, unlike any other, and is found again by its digest alone', () => {
  const [a, b] = [newMailedToken(), newMailedToken()];
  expect(a.text).toMatch(/^[0-9a-f]{64}$/);
  expect(a.text).not.toBe(b.text);
  expect(a.hash).toMatch(/^[0-9a-f]{64}$/);
  expect(a.hash).not.toBe(a.text);
  expect(mailedTokenHash(a.text)).toBe(a.hash);
  expect(mailedTokenHash(a.text.toUpperCase())).toBe(a.hash);
});

test.each<[unknown]>([
  [''],
  ['0'.repeat(63)],
  ['0'.repeat(65)],
  [`${'0'.repeat(64)}\n`],
  [{ $ne: null }],
  [null],
])('what has not the form of a token is none: %j', (text) => {
  expect(mailedTokenHash(text)).toBeNull();
});
