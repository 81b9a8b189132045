import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cipherSize, lastSegment, plainBytesOf, plainSize, SEGMENT_BYTES, spanOf } from './segments.ts';

const LARGEST = Number.MAX_SAFE_INTEGER - 2 ** 42;
const sizes = fc.oneof(
  fc.integer({ min: 0, max: 5 * SEGMENT_BYTES }),
  fc.maxSafeNat().filter((size) => size <= LARGEST),
  fc.integer({ min: 0, max: 2 ** 30 }).map((segments) => segments * SEGMENT_BYTES),
);

test('an empty content is one empty segment, and a full one has no empty one behind it', () => {
  expect([0, 1, SEGMENT_BYTES, SEGMENT_BYTES + 1].map(cipherSize)).toEqual([16, 17, 65_552, 65_569]);
});

test('sizes are exact both ways, up to the largest content', () => {
  fc.assert(
    fc.property(sizes, (size) => {
      const sealed = cipherSize(size);
      expect(BigInt(sealed)).toBe(BigInt(size) + 16n * BigInt(lastSegment(size) + 1));
      expect(plainSize(sealed)).toBe(size);
    }),
    { numRuns: 2_000 },
  );
  expect(plainSize(cipherSize(LARGEST))).toBe(LARGEST);
});

test('a size that no content has is known for one', () => {
  for (const impossible of [0, 15, 65_553, 65_568, 2 * 65_552 + 16]) expect(plainSize(impossible)).toBeNull();
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 * 65_552 }), (sealed) => {
      const plain = plainSize(sealed);
      expect(plain === null || cipherSize(plain) === sealed).toBe(true);
    }),
  );
});

test('the segments of a range are all that it touches and no more', () => {
  const ranges = sizes
    .filter((size) => size > 0)
    .chain((size) => {
      const position = fc.integer({ min: 0, max: size - 1 });
      return fc.tuple(fc.constant(size), position, position);
    });
  fc.assert(
    fc.property(ranges, ([size, one, other]) => {
      const [start, end] = one < other ? [one, other] : [other, one];
      const { first, last, skip, take, ...stored } = spanOf(size, { start, end });
      expect([first, last]).toEqual([start, end].map((at) => Math.floor(at / SEGMENT_BYTES)));
      expect([first * SEGMENT_BYTES + skip, take]).toEqual([start, end - start + 1]);
      expect(stored.start).toBe(first * 65_552);
      expect(stored.end).toBe(last * 65_552 + plainBytesOf(last, size) + 15);
    }),
    { numRuns: 2_000 },
  );
});
