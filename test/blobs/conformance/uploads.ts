import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DirectStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import type { Backend } from '../../support/backend.ts';
import { bodyOf, isRefusal, openDirect, send, statusOf, tampered } from '../signed-urls.ts';
import { chunked, read } from '../sources.ts';

const MiB = 1024 * 1024;
const SIZE = 300_000;

/** The part of the contract about the addresses by which clients upload to the provider itself. */
export function takesUploads(backendOf: () => Backend | Promise<Backend>, holdsSize: boolean): void {
  describe('an address for an upload', () => {
    const other = newBlobKey();
    const content = bodyOf(SIZE);
    let store: DirectStore;
    let foreign: DirectStore;

    beforeAll(async () => {
      const backend = await backendOf();
      store = await openDirect(backend, backend.env);
      foreign = await openDirect(backend, backend.foreign);
      await store.put(other, chunked(bodyOf(1_000, 9), 1_000));
    });
    afterAll(async () => {
      await store?.close();
      await foreign?.close();
    });
    const expectAbsent = (absent: string) =>
      expect(store.stat(absent)).rejects.toMatchObject({ code: 'NOT_FOUND' });

    it.each([0, 1, SIZE, 7 * MiB])('takes %i bytes in one request', async (size) => {
      const own = newBlobKey('incoming');
      const address = await store.uploadAddress(own, { expiresInSeconds: 60, size });
      expect(address.method).toBe('PUT');
      expect([200, 201, 204]).toContain(await send(address, bodyOf(size, 4)));
      const opened = await store.open(own);
      expect(opened.size).toBe(size);
      expect((await read(opened)).equals(bodyOf(size, 4))).toBe(true);
      expect((await Array.fromAsync(store.list(own))).map(({ size }) => size)).toEqual([size]);
    });

    it('may be used again, and then replaces', async () => {
      const own = newBlobKey('incoming');
      const address = await store.uploadAddress(own, { expiresInSeconds: 60, size: SIZE });
      for (const seed of [5, 6]) expect(isRefusal(await send(address, bodyOf(SIZE, seed)))).toBe(false);
      expect((await read(await store.open(own))).equals(bodyOf(SIZE, 6))).toBe(true);
    });

    if (holdsSize) {
      it.each([SIZE - 1, SIZE + 1, 0])(`is refused for %i bytes instead of ${SIZE}`, async (size) => {
        const own = newBlobKey('incoming');
        const address = await store.uploadAddress(own, { expiresInSeconds: 60, size: SIZE });
        expect(isRefusal(await send(address, bodyOf(size)))).toBe(true);
        await expectAbsent(own);
      });
    } else {
      it('lets the size be told that really came', async () => {
        const own = newBlobKey('incoming');
        const address = await store.uploadAddress(own, { expiresInSeconds: 60, size: SIZE });
        await send(address, bodyOf(SIZE + 1));
        expect((await store.stat(own)).size).toBe(SIZE + 1);
      });
    }

    it('stores nothing but the bytes where one of its headers is missing', async () => {
      const { headers } = await store.uploadAddress(newBlobKey('incoming'), {
        expiresInSeconds: 60,
        size: SIZE,
      });
      for (const name of Object.keys(headers).filter((each) => !/^content-length$/i.test(each))) {
        const own = newBlobKey('incoming');
        const address = await store.uploadAddress(own, { expiresInSeconds: 60, size: SIZE });
        if (isRefusal(await send(address, content, name))) await expectAbsent(own);
        else expect((await read(await store.open(own))).equals(content)).toBe(true);
      }
    });

    it('is refused with any of its parameters changed, and for another key', async () => {
      const [own, wrong] = [newBlobKey('incoming'), newBlobKey('incoming')];
      const address = await store.uploadAddress(own, { expiresInSeconds: 60, size: SIZE });
      for (const [name, url] of tampered(address.url)) {
        const refused = isRefusal(await send({ ...address, url }, content));
        expect({ name, refused }).toEqual({ name, refused: true });
      }
      await expectAbsent(own);
      for (const key of [wrong, other]) {
        const url = address.url.replace(own, key);
        expect(isRefusal(await send({ ...address, url }, content))).toBe(true);
      }
      await expectAbsent(wrong);
      expect((await store.stat(other)).size).toBe(1_000);
    });

    it('is refused for anything but this upload', async () => {
      const own = newBlobKey('incoming');
      const { url } = await store.uploadAddress(own, { expiresInSeconds: 60, size: SIZE });
      await store.put(own, chunked(content, 65_536));
      expect(isRefusal(await statusOf(url))).toBe(true);
      expect(isRefusal(await statusOf(url, { method: 'DELETE' }))).toBe(true);
      expect((await store.stat(own)).size).toBe(SIZE);
    });

    it('is refused when its time is over, and when strange credentials made it', async () => {
      const own = newBlobKey('incoming');
      const late = await store.uploadAddress(own, { expiresInSeconds: 1, size: SIZE });
      const strange = await foreign.uploadAddress(own, { expiresInSeconds: 60, size: SIZE });
      expect(isRefusal(await send(strange, content))).toBe(true);
      await wait(2_500);
      expect(isRefusal(await send(late, content))).toBe(true);
      await expectAbsent(own);
    });
    it('is refused for what is not a key', async () => {
      const wanted = { expiresInSeconds: 60, size: 1 };
      for (const malformed of ['', '../x', 'incoming/', `${newBlobKey()}0`]) {
        await expect(store.uploadAddress(malformed, wanted)).rejects.toMatchObject({
          code: 'BAD_USER_INPUT',
        });
      }
    });
  });
}
