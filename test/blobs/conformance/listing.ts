import { beforeAll, describe, expect, it } from 'vitest';
import { type BlobStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import { read, sourceOf } from '../sources.ts';

/** The part of the contract about listing, deleting, telling and refusing. */
export function listsAndDeletes(store: () => BlobStore): void {
  describe('a listing', () => {
    const shared = newBlobKey().slice(0, 7);
    const keys = Array.from({ length: 2_500 }, () => shared + newBlobKey().slice(shared.length));

    beforeAll(async () => {
      const left = [...keys];
      const work = async () => {
        for (let key = left.pop(); key; key = left.pop()) await store().put(key, sourceOf(3));
      };
      await Promise.all(Array.from({ length: 32 }, work));
    }, 240_000);

    it('gives each of 2,500 keys of a prefix once, ascending, with its size and time', {
      timeout: 60_000,
    }, async () => {
      const entries = await Array.fromAsync(store().list(shared));
      expect(entries.map(({ key }) => key)).toEqual([...keys].sort());
      expect(entries.every(({ size }) => size === 3)).toBe(true);
      expect(entries.every(({ modifiedAt }) => Math.abs(Date.now() - modifiedAt.getTime()) < 600_000)).toBe(
        true,
      );
    });

    it.each([1, 2, 3, 4, 8, 32])(
      'gives only what begins with the first %i letters of a key',
      async (length) => {
        const [sample = ''] = keys;
        const prefix = sample.slice(0, length);
        const found: string[] = [];
        for await (const { key } of store().list(prefix)) found.push(key);
        expect(found).toContain(sample);
        expect(found.every((key) => key.startsWith(prefix))).toBe(true);
      },
      60_000,
    );

    it.each([undefined, ''])(
      'gives everything, ascending, for the prefix %j',
      { timeout: 60_000 },
      async (prefix) => {
        const wanted = new Set(keys);
        let before = '';
        for await (const { key } of store().list(prefix)) {
          wanted.delete(key);
          expect(key > before).toBe(true);
          before = key;
        }
        expect(wanted.size).toBe(0);
      },
    );

    it.each(['../', 'Z', '/', `${newBlobKey()}0`])('gives nothing for the prefix %j', async (prefix) => {
      expect(await Array.fromAsync(store().list(prefix))).toEqual([]);
    });

    it('may be left after its first entry', async () => {
      for await (const { key } of store().list(shared)) {
        expect(keys).toContain(key);
        break;
      }
    });
  });

  it('tells key, size and time of a blob', async () => {
    const key = newBlobKey();
    await store().put(key, sourceOf(123));
    const { modifiedAt, ...rest } = await store().stat(key);
    expect(rest).toEqual({ key, size: 123 });
    expect(Math.abs(Date.now() - modifiedAt.getTime())).toBeLessThan(60_000);
  });

  it('rejects telling about an absent key with NOT_FOUND', async () => {
    await expect(store().stat(newBlobKey())).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('deletes a blob once and for all, and finds no fault with deleting it again', async () => {
    const key = newBlobKey();
    await store().put(key, sourceOf(10));
    await store().delete(key);
    await store().delete(key);
    await expect(store().open(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store().stat(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await Array.fromAsync(store().list(key))).toEqual([]);
  });

  it('deletes only the key it was given', async () => {
    const [gone, kept] = [`${'ab'.repeat(15)}00`, `${'ab'.repeat(15)}01`];
    await Promise.all([store().delete(gone), store().delete(kept)]);
    await Promise.all([store().put(gone, sourceOf(1)), store().put(kept, sourceOf(2))]);
    await store().delete(gone);
    expect(await read(await store().open(kept))).toHaveLength(2);
  });

  it.each([
    '',
    '../x',
    `../${'a'.repeat(29)}`,
    'A'.repeat(32),
    'a'.repeat(31),
    'a'.repeat(33),
    `${'a'.repeat(32)}\n`,
  ])('refuses the malformed key %j in every method', async (key) => {
    const refusal = { code: 'BAD_USER_INPUT' };
    const source = sourceOf(10);
    await expect(store().put(key, source)).rejects.toMatchObject(refusal);
    expect(source.destroyed).toBe(true);
    await expect(store().open(key)).rejects.toMatchObject(refusal);
    await expect(store().stat(key)).rejects.toMatchObject(refusal);
    await expect(store().delete(key)).rejects.toMatchObject(refusal);
  });

  it('answers a check while the backend is there', async () => {
    await store().check();
    await store().check();
  });

  it('tells its provider and its place', () => {
    expect(store().provider).toMatch(/^[a-z]+$/);
    expect(store().location).not.toBe('');
  });
}
