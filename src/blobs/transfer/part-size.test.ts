import { describe, expect, it } from 'vitest';
import { partSizeFor, partsHeld } from './part-size.ts';

const MiB = 2 ** 20;
const TiB = 2 ** 40;

describe('the parts of an upload', () => {
  it('are as large as configured while the most that can come fits into so many', () => {
    expect(partSizeFor(5 * MiB, undefined, 10_000)).toBe(5 * MiB);
    expect(partSizeFor(5 * MiB, 50_000 * MiB, 10_000)).toBe(5 * MiB);
  });

  it('are larger, by whole MiB, where it does not', () => {
    expect(partSizeFor(5 * MiB, 50_000 * MiB + 1, 10_000)).toBe(6 * MiB);
    expect(partSizeFor(5 * MiB, 5 * TiB, 10_000) * 10_000).toBeGreaterThanOrEqual(5 * TiB);
  });

  it('are held while they are on their way, and one more while it is filled', () => {
    expect(partsHeld(5 * MiB, 2, 1)).toBe(3);
    expect(partsHeld(5 * MiB, 8, 1)).toBe(9);
  });

  it.each([5, 8, 16, 31, 32, 50, 62])('of %i MiB never hold 64 MiB together', (size) => {
    for (let inFlight = 1; inFlight <= 8; inFlight += 1) {
      const held = partsHeld(size * MiB, inFlight, 1);
      expect(held).toBeGreaterThanOrEqual(1);
      expect(held * size * MiB).toBeLessThan(64 * MiB);
    }
  });

  it('are held one by one where a single one is larger than that', () => {
    expect(partsHeld(525 * MiB, 8, 1)).toBe(1);
  });

  it('share a memory that hardly grows with the number of uploads', () => {
    expect([1, 2, 4, 6, 8, 50].map((puts) => partsHeld(5 * MiB, 8, puts))).toEqual([9, 6, 3, 2, 1, 1]);
    expect(partsHeld(525 * MiB, 8, 50)).toBe(1);
  });
});
