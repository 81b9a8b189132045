import { existsSync, readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BlobStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import { chunked, patternOf, read } from '../sources.ts';

const MiB = 1024 * 1024;
const SIZE = 1_500_000;
const LAST = SIZE - 1;

/** The part of the contract about opening and ranges. */
export function readsRanges(store: () => BlobStore): void {
  const key = newBlobKey();
  const empty = newBlobKey();
  const content = patternOf(SIZE);
  beforeAll(async () => {
    await store().put(key, chunked(content, 65_536));
    await store().put(empty, chunked(Buffer.alloc(0), 1));
  });

  describe('reads of a range', () => {
    it.each([
      ['the first byte', { start: 0, end: 0 }, 0, 0],
      ['the last byte', { start: LAST, end: LAST }, LAST, LAST],
      ['the middle', { start: 70_001, end: 900_000 }, 70_001, 900_000],
      ['everything', { start: 0, end: LAST }, 0, LAST],
      ['the last 500 bytes', { start: SIZE - 500, end: LAST }, SIZE - 500, LAST],
      ['the last byte of an end just beyond it', { start: LAST, end: SIZE }, LAST, LAST],
      ['an end beyond the last byte, cut to it', { start: 10, end: SIZE + 5_000 }, 10, LAST],
      ['an end at infinity, cut to the last byte', { start: 10, end: Number.POSITIVE_INFINITY }, 10, LAST],
    ])('give %s', async (_what, range, start, end) => {
      const bytes = await read(await store().open(key, range));
      expect(bytes.equals(content.subarray(start, end + 1))).toBe(true);
    });

    it('tell the size of the whole blob', async () => {
      for (const range of [
        { start: 0, end: 0 },
        { start: 70_001, end: 900_000 },
        { start: LAST, end: SIZE },
      ]) {
        const opened = await store().open(key, range);
        expect(opened.size).toBe(SIZE);
        await read(opened);
      }
    });

    it.each([
      ['starts at the end', { start: SIZE, end: SIZE }],
      ['starts beyond the end', { start: SIZE + 1, end: SIZE + 10 }],
      ['ends before it starts', { start: 10, end: 9 }],
      ['starts below zero', { start: -1, end: 9 }],
      ['starts inside a byte', { start: 0.5, end: 9 }],
      ['is not a number', { start: Number.NaN, end: Number.NaN }],
    ])('are refused where the range %s', async (_what, range) => {
      await expect(store().open(key, range)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    });

    it('are refused on an empty blob, which has no first byte', async () => {
      await expect(store().open(empty, { start: 0, end: 0 })).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
      });
      const opened = await store().open(empty);
      expect(opened.size).toBe(0);
      expect(await read(opened)).toHaveLength(0);
    });
  });

  it('tells the size of a blob when it is opened whole', async () => {
    const opened = await store().open(key);
    expect(opened.size).toBe(SIZE);
    expect(await read(opened)).toHaveLength(SIZE);
  });

  it('reads the same range of a blob in parts as of one in one piece', async () => {
    const large = newBlobKey();
    const bytes = patternOf(11 * MiB, 3);
    await store().put(large, chunked(bytes, 65_536));
    for (const start of [5 * MiB - 2, 5 * MiB, 10 * MiB - 1]) {
      const opened = await store().open(large, { start, end: start + 3 });
      expect(opened.size).toBe(bytes.length);
      expect((await read(opened)).equals(bytes.subarray(start, start + 4))).toBe(true);
    }
  });

  it('rejects the opening of an absent key with NOT_FOUND before any byte', async () => {
    await expect(store().open(newBlobKey())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store().open(newBlobKey(), { start: 0, end: 0 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('leaves no descriptor behind a reader that was read, refused, or destroyed early', async () => {
    const descriptors = () => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);
    await read(await store().open(key));
    const before = descriptors();
    for (let round = 0; round < 40; round += 1) {
      const [{ stream: untouched }, { stream: begun }] = [await store().open(key), await store().open(key)];
      untouched.destroy();
      await new Promise((go) => begun.once('readable', go));
      begun.destroy();
      await read(await store().open(key, { start: 0, end: 99 }));
      await expect(store().open(empty, { start: 0, end: 0 })).rejects.toThrow();
    }
    // A few sockets of the backend's pool may have come meanwhile, but not one for each reader.
    await expect.poll(descriptors, { timeout: 5_000 }).toBeLessThan(before + 20);
  });

  it('goes on giving the bytes of a blob to two readers at once', async () => {
    const [first, second] = await Promise.all([store().open(key), store().open(key)]);
    const [one, two] = await Promise.all([read(first), read(second)]);
    expect(one.equals(content) && two.equals(content)).toBe(true);
  });
}
