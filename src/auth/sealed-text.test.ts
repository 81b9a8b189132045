import { expect, test } from 'vitest';
import { SealedText } from './sealed-text.ts';

const SECRET = 'a secret of this test that is long enough';
const OLDER = 'an older secret of this test, long enough';
const sealed = new SealedText([SECRET], 'a purpose');

test('what was sealed opens for what it belongs to, and for nothing else', () => {
  const text = sealed.seal('the secret', 'ann');
  expect(sealed.open(text, 'ann')).toEqual({ text: 'the secret', isCurrent: true });
  expect(sealed.open(text, 'bob')).toBeNull();
  expect(new SealedText([SECRET], 'another purpose').open(text, 'ann')).toBeNull();
  expect(new SealedText([OLDER], 'a purpose').open(text, 'ann')).toBeNull();
});

test('the same text is never sealed twice alike, and is not to be read from it', () => {
  const texts = Array.from({ length: 20 }, () => sealed.seal('the secret', 'ann'));
  expect(new Set(texts).size).toBe(20);
  for (const text of texts) expect(Buffer.from(text, 'base64url').includes('the secret')).toBe(false);
});

test('a new secret in front seals, and the older one still opens and says so', () => {
  const before = new SealedText([OLDER], 'a purpose');
  const after = new SealedText([SECRET, OLDER], 'a purpose');
  expect(after.open(before.seal('x', 'ann'), 'ann')).toEqual({ text: 'x', isCurrent: false });
  expect(sealed.open(after.seal('x', 'ann'), 'ann')).toEqual({ text: 'x', isCurrent: true });
});

test('whatever bit of it is changed or cut off, it does not open', () => {
  const bytes = Buffer.from(sealed.seal('the secret', 'ann'), 'base64url');
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(sealed.open(changed.toString('base64url'), 'ann')).toBeNull();
    expect(sealed.open(bytes.subarray(0, at).toString('base64url'), 'ann')).toBeNull();
  }
});
