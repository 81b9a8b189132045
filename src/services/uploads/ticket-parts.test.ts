import { expect, test } from 'vitest';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { AppError } from '../../errors.ts';
import { partCountOf, partSizeFor, requireParts, spansOf } from './ticket-parts.ts';

const MIB = 1024 * 1024;

test.each([
  ['an empty file', 0, 1, 64 * MIB],
  ['one byte', 1, 1, 64 * MIB],
  ['exactly one part', 64 * MIB, 1, 64 * MIB],
  ['one byte more', 64 * MIB + 1, 2, 64 * MIB],
  ['exactly 2,000 parts', 2_000 * 64 * MIB, 2_000, 64 * MIB],
  ['more than 2,000 parts would hold', 2_000 * 64 * MIB + 1, 1_970, 65 * MIB],
  ['5 TiB', 5 * 1024 * 1024 * MIB, 2_000, 2_622 * MIB],
])('%s', (_what, fileSize, count, partSize) => {
  expect(partSizeFor(fileSize, 64 * MIB)).toBe(partSize);
  expect(partCountOf(fileSize, partSize)).toBe(count);
  const keys = Array.from({ length: count }, (_, i) => `${i}`);
  const spans = spansOf({ keys, partSize, fileSize });
  expect(spans.reduce((sum, { size }) => sum + size, 0)).toBe(fileSize);
  expect(spans.every(({ start, number }) => start === (number - 1) * partSize)).toBe(true);
  expect(spans.at(-1)?.size).toBeGreaterThanOrEqual(Math.min(1, fileSize));
});

test('of many parts that were not sent only some are looked for, and named', async () => {
  let looked = 0;
  const stat = async () => {
    looked += 1;
    throw new AppError('NOT_FOUND', 'There is no such blob.');
  };
  const store = { stat } as unknown as BlobStore;
  const keys = Array.from({ length: 2_000 }, (_, i) => `${i}`);
  const spans = spansOf({ keys, partSize: 1, fileSize: 2_000 });
  const found = requireParts(store, spans, new AbortController().signal);
  await expect(found).rejects.toMatchObject({
    code: 'BAD_USER_INPUT',
    message: 'part 1 was not sent, and at least 49 more parts are not right.',
    issues: { length: 50 },
  });
  expect(looked).toBeLessThan(100);
});
