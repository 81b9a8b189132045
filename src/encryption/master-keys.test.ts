import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { KeyFailure } from './key-failure.ts';
import { MasterKeys, newDataKey } from './master-keys.ts';

const SECRETS = [0, 1, 2].map(() => randomBytes(32).toString('base64'));
const [A, B, OTHER_B] = [`a:${SECRETS[0]}`, `b:${SECRETS[1]}`, `b:${SECRETS[2]}`];
const dataKey = newDataKey();

const failureOf = (work: () => unknown): KeyFailure => {
  try {
    work();
  } catch (error) {
    if (error instanceof KeyFailure) return error;
    throw error;
  }
  throw new Error('It passed.');
};

test('a data key is wrapped with the first master key, and opens with it wherever that stands', () => {
  const wrapped = new MasterKeys([A, B]).wrap(dataKey, 'blob 1');
  expect(wrapped.keyId).toBe('a');
  expect(Buffer.from(wrapped.wrappedKey, 'base64')).toHaveLength(12 + 32 + 16);
  expect(new MasterKeys([B, A]).unwrap(wrapped, 'blob 1').equals(dataKey)).toBe(true);
});

test('it is wrapped otherwise each time', () => {
  const keys = new MasterKeys([A]);
  const all = Array.from({ length: 100 }, () => keys.wrap(dataKey, 'blob 1').wrappedKey);
  expect(new Set(all.map((text) => text.slice(0, 16))).size).toBe(100);
});

test('it opens for nobody but its owner', () => {
  const keys = new MasterKeys([A]);
  const wrapped = keys.wrap(dataKey, 'blob 1');
  expect(failureOf(() => keys.unwrap(wrapped, 'blob 2'))).toMatchObject({ trouble: 'wrong', keyId: 'a' });
});

test('a master key that is missing is told from one that is wrong, and both cannot be read now', () => {
  const wrapped = new MasterKeys([B]).wrap(dataKey, 'blob 1');
  const code = 'STORAGE_UNAVAILABLE';
  const missing = failureOf(() => new MasterKeys([A]).unwrap(wrapped, 'blob 1'));
  expect(missing).toMatchObject({ code, trouble: 'missing', keyId: 'b' });
  const wrong = failureOf(() => new MasterKeys([A, OTHER_B]).unwrap(wrapped, 'blob 1'));
  expect(wrong).toMatchObject({ code, trouble: 'wrong', keyId: 'b' });
  for (const error of [missing, wrong]) expect(error.message).toBe('The content cannot be read now.');
});

test('a wrapped key in which anything is changed, cut or added does not open', () => {
  const keys = new MasterKeys([A]);
  const { keyId, wrappedKey } = keys.wrap(dataKey, 'blob 1');
  const bytes = Buffer.from(wrappedKey, 'base64');
  const changed = Array.from(bytes, (byte, i) => Buffer.from(bytes).fill(byte ^ 1, i, i + 1));
  const resized = [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.alloc(1)]), Buffer.alloc(0)];
  for (const each of [...changed, ...resized]) {
    const wrapped = { keyId, wrappedKey: each.toString('base64') };
    expect(failureOf(() => keys.unwrap(wrapped, 'blob 1')).trouble).toBe('wrong');
  }
});

test('entries that are not right are refused without a word of any secret', () => {
  const wrong = [[A, `a:${SECRETS[1]}`], ['a'], ['a:'], [`:${SECRETS[0]}`], ['a:c2hvcnQ=']];
  for (const entries of wrong) {
    const make = () => new MasterKeys(entries);
    expect(make).toThrow();
    try {
      make();
    } catch (error) {
      for (const secret of SECRETS) expect(inspect(error)).not.toContain(secret.slice(0, 8));
    }
  }
});

test('nothing that shows an object shows a key', () => {
  const keys = new MasterKeys([A]);
  const shown = inspect(keys, { depth: 9, showHidden: true }) + JSON.stringify(keys) + inspect(dataKey);
  const secrets = [Buffer.from(SECRETS[0] ?? '', 'base64'), dataKey.export()];
  for (const secret of secrets) {
    for (const text of [secret.toString('base64'), secret.toString('hex')]) expect(shown).not.toContain(text);
  }
});

test('without any master key nothing is wrapped', () => {
  const none = new MasterKeys([]);
  expect(none.current).toBeNull();
  expect(() => none.wrap(dataKey, 'blob 1')).toThrow(KeyFailure);
});
