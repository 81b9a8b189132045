import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { looksLikeApiKey, newApiKey, parseApiKey } from './api-keys.ts';

describe('An API key', () => {
  it('is branded, 54 characters of a header-safe alphabet, and never twice the same', () => {
    const keys = Array.from({ length: 50 }, () => newApiKey().text);
    for (const key of keys) expect(key).toMatch(/^imst_[A-Za-z0-9_-]{49}$/);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('is read back with the digest of its whole text and the beginning that may be shown', () => {
    const key = newApiKey();
    expect(parseApiKey(key.text)).toEqual(key);
    expect(key.tokenHash).toBe(createHash('sha256').update(key.text).digest('hex'));
    expect(key.text.startsWith(key.prefix)).toBe(true);
    expect(key.prefix).toMatch(/^imst_.{6}$/);
  });

  it('is none with any one character changed', () => {
    const { text } = newApiKey();
    const other = (character: string | undefined) => (character === 'A' ? 'B' : 'A');
    for (let at = 0; at < text.length; at += 1) {
      expect(parseApiKey(text.slice(0, at) + other(text[at]) + text.slice(at + 1)), `at ${at}`).toBeNull();
    }
  });

  it('is none when it is cut, lengthened, surrounded by white space or not a text', () => {
    const { text } = newApiKey();
    const wrong = [text.slice(0, -1), `${text}A`, ` ${text}`, `${text}\n`, text.toUpperCase(), '', 'imst_'];
    for (const value of [...wrong, null, undefined, 7, { $ne: null }, [text]])
      expect(parseApiKey(value)).toBeNull();
  });

  it('is told from other tokens by its brand alone', () => {
    expect(looksLikeApiKey(newApiKey().text)).toBe(true);
    expect(looksLikeApiKey('imst_typo')).toBe(true);
    expect(looksLikeApiKey('eyJhbGciOiJIUzI1NiJ9.e30.x')).toBe(false);
  });
});
