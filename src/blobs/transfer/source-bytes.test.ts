import { expect, it } from 'vitest';
import { toBytes } from './source-bytes.ts';

it('takes bytes as they are, and text in its encoding', () => {
  const bytes = new Uint8Array([1, 2]);
  expect(toBytes(bytes, null)).toBe(bytes);
  expect(toBytes('ü', null)).toEqual(Buffer.from([0xc3, 0xbc]));
  expect(toBytes('c3bc', 'hex')).toEqual(Buffer.from([0xc3, 0xbc]));
});

it('refuses what is neither', () => {
  expect(() => toBytes({ length: 1 }, null)).toThrow(TypeError);
});
