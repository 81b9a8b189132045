import { describe, expect, it } from 'vitest';
import { checkedExpiry, checkedKeyName, checkedScopes } from './api-key-rules.ts';

const refusedOn = (field: string) =>
  expect.objectContaining({ code: 'BAD_USER_INPUT', issues: [expect.objectContaining({ field })] });

describe('The name of a key', () => {
  it('is kept trimmed, composed and without what cannot be seen', () => {
    expect(checkedKeyName(' nightly\u0007 \u202ebackup\n')).toBe('nightly backup');
    expect(checkedKeyName('Cafe\u0301')).toBe('Café');
    // What a hidden character kept apart is composed once that is gone.
    expect(checkedKeyName('a\u061cb e\u200f\u0301')).toBe('ab é');
  });

  it('has 1 to 100 characters, whatever they are', () => {
    expect(checkedKeyName('🗝'.repeat(100))).toBe('🗝'.repeat(100));
    for (const wrong of ['', ' \u202e\n', '🗝'.repeat(101), 'x'.repeat(1_000_000), null, 7, { $gt: '' }]) {
      expect(() => checkedKeyName(wrong)).toThrow(refusedOn('name'));
    }
  });
});

describe('The scopes of a key', () => {
  it('are kept in one order', () => {
    expect(checkedScopes(['account:read', 'files:read'])).toEqual(['files:read', 'account:read']);
  });

  it.each([
    ['none', []],
    ['one twice', ['files:read', 'files:read']],
    ['an unknown one', ['files:read', 'admin']],
    ['one by another name', ['FILES_READ']],
    ['no list', 'files:read'],
    ['what is no text', [{ $ne: null }]],
  ])('are not %s', (_, wrong) => {
    expect(() => checkedScopes(wrong)).toThrow(refusedOn('scopes'));
  });
});

describe('The end of a key', () => {
  it('lies ahead, or is never', () => {
    const ahead = new Date(Date.now() + 60_000);
    expect(checkedExpiry(ahead)).toBe(ahead);
    expect(checkedExpiry(null)).toBeNull();
    for (const wrong of [new Date(), new Date(0), new Date(Number.NaN), '2099-01-01', { $gt: 0 }]) {
      expect(() => checkedExpiry(wrong)).toThrow(refusedOn('expiresAt'));
    }
  });
});
