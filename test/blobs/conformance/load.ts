import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BlobStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import type { ProviderName } from '../../../src/blobs/providers.ts';
import type { Backend } from '../../support/backend.ts';
import { FlakyProxy } from '../flaky-proxy.ts';
import { heldBytes } from '../held-bytes.ts';
import { openVariables } from '../open-variables.ts';
import { chunked, patternOf, read, sourceOf } from '../sources.ts';

const MiB = 1024 * 1024;
// A busy machine answers within it; the pauses are more than three times as long.
const TIMEOUT_SECONDS = 2;
const PAUSE_MS = 3_200 * TIMEOUT_SECONDS;

/** The part of the contract about slow clients, and many at once, of a backend behind a network. */
export function bearsLoad(backendOf: () => Backend | Promise<Backend>): void {
  describe('a store behind a network', { timeout: 60_000 }, () => {
    const key = newBlobKey();
    // More than the buffers of sockets hold, so that the backend itself has to wait.
    const content = patternOf(24 * MiB);
    let backend: Backend;
    const opened: BlobStore[] = [];
    const openWith = async (variables: Readonly<Record<string, string>>) => {
      const store = await openVariables(backend.provider as ProviderName, { ...backend.env, ...variables });
      opened.push(store);
      return store;
    };

    beforeAll(async () => {
      backend = await backendOf();
      const store = await openWith({});
      await store.put(key, chunked(content, 65_536));
    });
    afterAll(async () => {
      await Promise.all(opened.map((store) => store.close()));
    });

    it.concurrent('gives every byte to a client that pauses for longer than the time-out', async () => {
      const store = await openWith({ STORAGE_TIMEOUT_SECONDS: `${TIMEOUT_SECONDS}` });
      const { stream } = await store.open(key);
      const chunks: Buffer[] = [];
      for await (const chunk of stream) {
        if (chunks.length === 3) await wait(PAUSE_MS);
        chunks.push(chunk);
      }
      expect(Buffer.concat(chunks).equals(content)).toBe(true);
    });

    it.concurrent('gives every byte to a client that begins later than the time-out', async () => {
      const store = await openWith({ STORAGE_TIMEOUT_SECONDS: `${TIMEOUT_SECONDS}` });
      const { stream } = await store.open(key);
      await wait(PAUSE_MS);
      expect((await read(stream)).equals(content)).toBe(true);
    });

    it.concurrent.each([100_000, 4 * MiB, 7 * MiB])(
      'stores what a client sends that pauses after %i bytes for longer than the time-out',
      async (size) => {
        const store = await openWith({ STORAGE_TIMEOUT_SECONDS: `${TIMEOUT_SECONDS}` });
        const own = newBlobKey();
        let sent = 0;
        const source = chunked(content.subarray(0, 13 * MiB), 50_000).map(async (chunk: Buffer) => {
          if (sent < size && sent + chunk.length >= size) await wait(PAUSE_MS);
          sent += chunk.length;
          return chunk;
        });
        expect(await store.put(own, source)).toBe(13 * MiB);
        expect((await read(await store.open(own))).equals(content.subarray(0, 13 * MiB))).toBe(true);
      },
    );

    it('answers 500 questions at once while a download goes on', async () => {
      const store = await openWith({});
      const begun = performance.now();
      const downloading = store.open(key).then(read);
      const stats = Promise.all(Array.from({ length: 500 }, () => store.stat(key)));
      expect((await downloading).equals(content)).toBe(true);
      expect((await stats).every(({ size }) => size === content.length)).toBe(true);
      expect(performance.now() - begun).toBeLessThan(20_000);
    });

    it('answers questions and deletes while slow clients hold every connection for contents', async () => {
      const store = await openWith({ STORAGE_CONNECTIONS: '2', STORAGE_TIMEOUT_SECONDS: '5' });
      const [first, second] = await Promise.all([store.open(key), store.open(key)]);
      expect((await store.stat(key)).size).toBe(content.length);
      await store.delete(newBlobKey());
      await expect(store.stat(newBlobKey())).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await store.check();
      first.stream.destroy();
      second.stream.destroy();
      expect((await read(await store.open(key))).equals(content)).toBe(true);
    });

    it('carries 12 downloads over 2 connections, each whole', async () => {
      const store = await openWith({ STORAGE_CONNECTIONS: '2' });
      const downloads = Array.from({ length: 12 }, (_, index) =>
        store
          .open(key, { start: index * MiB, end: index * MiB + 3 * MiB - 1 })
          .then(read)
          .then((bytes) => bytes.equals(content.subarray(index * MiB, index * MiB + 3 * MiB))),
      );
      expect(await Promise.all(downloads)).toEqual(downloads.map(() => true));
    });

    it('carries 6 uploads over 2 connections, each whole', async () => {
      const store = await openWith({ STORAGE_CONNECTIONS: '2' });
      const keys = Array.from({ length: 6 }, () => newBlobKey());
      const sizes = await Promise.all(keys.map((own) => store.put(own, sourceOf(6 * MiB + 1))));
      expect(sizes).toEqual(keys.map(() => 6 * MiB + 1));
    });

    it.each([
      ['the largest parts that can be configured', '32MiB', 0],
      ['the parts that 500 GiB would need', '5MiB', 500 * 1_024 * MiB],
    ])('holds less than 64 MiB of a content in %s', async (_what, partSize, atMost) => {
      const store = await openWith({ STORAGE_PART_SIZE: partSize });
      const before = heldBytes();
      let peak = 0;
      let made = 0;
      const source = sourceOf(110 * MiB, (chunk) => {
        made += chunk.length;
        if (made % (2 * MiB) === 0) peak = Math.max(peak, heldBytes());
      });
      expect(await store.put(newBlobKey(), source, { atMost })).toBe(110 * MiB);
      expect(peak - before).toBeLessThan(64 * MiB);
    });

    it('gives back every socket when it is closed', async () => {
      const proxy = await FlakyProxy.start(backend.origin);
      const store = await openVariables(backend.provider as ProviderName, backend.at(proxy.origin));
      await Promise.all(Array.from({ length: 8 }, () => store.stat(key)));
      await read(await store.open(key, { start: 0, end: 99 }));
      await store.put(newBlobKey(), sourceOf(6 * MiB));
      expect(proxy.connections).toBeGreaterThan(0);
      await store.close();
      await expect.poll(() => proxy.connections, { timeout: 3_000 }).toBe(0);
      await proxy.stop();
    });
  });
}
