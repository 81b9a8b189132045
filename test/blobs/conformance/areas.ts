import { beforeAll, describe, expect, it } from 'vitest';
import { AREAS, type BlobStore, keyIn, newBlobKey } from '../../../src/blobs/blob-store.ts';
import { chunked, patternOf, read, sourceOf } from '../sources.ts';

const AN_HOUR = 3_600_000;

/** The part of the contract about keys: every letter of their alphabet, and the areas beside the blobs. */
export function keepsAreasApart(store: () => BlobStore): void {
  const keysOf = async (prefix?: string) =>
    (await Array.fromAsync(store().list(prefix))).map(({ key }) => key);

  it('takes every letter and digit at every place of a key', async () => {
    const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';
    const twice = alphabet + alphabet;
    const keys = [...alphabet].map((_, start) => twice.slice(start, start + 32));
    await Promise.all(keys.map((key) => store().delete(key)));
    await Promise.all(keys.map((key, index) => store().put(key, sourceOf(index))));
    for (const [index, key] of keys.entries()) {
      expect(await store().stat(key)).toMatchObject({ key, size: index });
      expect(await read(await store().open(key))).toHaveLength(index);
      expect(await keysOf(key)).toEqual([key]);
    }
    await Promise.all(keys.map((key) => store().delete(key)));
    await expect(store().stat('0123456789abcdefghijklmnopqrstuv')).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  describe.each(AREAS)('the area %s', (area) => {
    const name = newBlobKey();
    const key = keyIn(area, name);
    const content = patternOf(70_000);
    // A blob whose name begins as the area's does.
    const neighbour = area.replace(/[^a-z]/g, '').slice(0, 3) + newBlobKey().slice(3);

    beforeAll(async () => {
      await store().put(key, chunked(content, 65_536));
      await store().put(neighbour, sourceOf(1));
    });

    it('holds objects that are written, told, opened and deleted as blobs are', async () => {
      const own = newBlobKey(area);
      expect(await store().put(own, chunked(content, 65_536))).toBe(content.length);
      await expect(store().put(own, sourceOf(5))).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(await store().stat(own)).toMatchObject({ key: own, size: content.length });
      expect((await read(await store().open(own))).equals(content)).toBe(true);
      const part = await store().open(own, { start: 10, end: 19 });
      expect(part.size).toBe(content.length);
      expect((await read(part)).equals(content.subarray(10, 20))).toBe(true);
      await store().delete(own);
      await store().delete(own);
      await expect(store().stat(own)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(store().open(own)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('is apart from the blobs, and from other areas, under the same name', async () => {
      await expect(store().stat(name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await store().put(name, sourceOf(3));
      for (const other of AREAS.filter((each) => each !== area)) {
        await expect(store().stat(keyIn(other, name))).rejects.toMatchObject({ code: 'NOT_FOUND' });
      }
      expect((await store().stat(key)).size).toBe(content.length);
      await store().delete(name);
      expect((await store().stat(key)).size).toBe(content.length);
    });

    it('is not listed with the blobs', async () => {
      const found = [await keysOf(), await keysOf('')];
      for (const keys of found) {
        expect(keys).toContain(neighbour);
        expect(keys.filter((each) => each.includes('/'))).toEqual([]);
      }
    });

    it('is listed by its name and a slash, itself alone and ascending', async () => {
      const more = Array.from({ length: 40 }, () => newBlobKey(area));
      await Promise.all(more.map((each) => store().put(each, sourceOf(2))));
      const listed = await keysOf(`${area}/`);
      expect(listed).toEqual(expect.arrayContaining([key, ...more]));
      expect(listed.filter((each) => !each.startsWith(`${area}/`))).toEqual([]);
      expect(listed).toEqual([...listed].sort());
    });

    it.each([1, 2, 5, 32])(
      'is listed by its name, a slash and the first %i letters of a key',
      async (length) => {
        const prefix = key.slice(0, area.length + 1 + length);
        const listed = await keysOf(prefix);
        expect(listed).toContain(key);
        expect(listed.filter((each) => !each.startsWith(prefix))).toEqual([]);
      },
    );

    it('is not listed by its name, or the beginning of it, without a slash', async () => {
      expect(await keysOf(area)).toEqual([]);
      const listed = await keysOf(neighbour.slice(0, 3));
      expect(listed).toContain(neighbour);
      expect(listed.filter((each) => each.includes('/'))).toEqual([]);
    });

    it('is left alone by a sweep of what is unfinished', async () => {
      await store().sweepUnfinished(new Date(Date.now() + AN_HOUR));
      expect((await read(await store().open(key))).equals(content)).toBe(true);
    });

    it.each([
      `${area}/`,
      `${area}/../${newBlobKey()}`,
      `${area}//${newBlobKey()}`,
      `${area}/${newBlobKey()}0`,
    ])('has no key %j', async (malformed) => {
      const refusal = { code: 'BAD_USER_INPUT' };
      await expect(store().put(malformed, sourceOf(1))).rejects.toMatchObject(refusal);
      await expect(store().open(malformed)).rejects.toMatchObject(refusal);
      await expect(store().stat(malformed)).rejects.toMatchObject(refusal);
      await expect(store().delete(malformed)).rejects.toMatchObject(refusal);
    });
  });
}
