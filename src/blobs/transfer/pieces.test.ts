import { expect, it } from 'vitest';
import { piecesOf } from './pieces.ts';

it('gives all the bytes in pieces of 256 KiB, and none for nothing', () => {
  const bytes = Buffer.alloc(600 * 1024, 'some bytes');
  const pieces = piecesOf(bytes);
  expect(pieces.map(({ length }) => length / 1024)).toEqual([256, 256, 88]);
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  expect(piecesOf(Buffer.alloc(0))).toEqual([]);
});

it('copies nothing', () => {
  const bytes = Buffer.alloc(300 * 1024);
  for (const piece of piecesOf(bytes)) expect(piece.buffer).toBe(bytes.buffer);
});
