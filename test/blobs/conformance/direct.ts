import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DirectStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import { contentHeaders } from '../../../src/http/content-headers.ts';
import type { Backend } from '../../support/backend.ts';
import { bodyOf, isRefusal, openDirect, statusOf, tampered } from '../signed-urls.ts';
import { chunked, read } from '../sources.ts';

const SIZE = 300_000;
const AN_HOUR = 3_600;
const PLAIN = { expiresInSeconds: AN_HOUR, contentType: 'text/plain', contentDisposition: 'inline' };

/** The part of the contract about the URLs by which clients download from the provider itself. */
export function servesDownloads(backendOf: () => Backend | Promise<Backend>): void {
  describe('a URL for a download', () => {
    const key = newBlobKey();
    const other = newBlobKey();
    const content = bodyOf(SIZE);
    let store: DirectStore;
    let foreign: DirectStore;

    beforeAll(async () => {
      const backend = await backendOf();
      store = await openDirect(backend, backend.env);
      foreign = await openDirect(backend, backend.foreign);
      await store.put(key, chunked(content, 65_536));
      await store.put(other, chunked(bodyOf(1_000, 9), 1_000));
    });
    afterAll(async () => {
      await store?.close();
      await foreign?.close();
    });
    it.each([
      ['image/png', 'photo.png', 'inline'],
      ['text/plain; charset=utf-8', 'a "quoted" name; with, signs & 100% = more+.txt', 'attachment'],
      ['application/octet-stream', 'naïve – 文件 €.pdf', 'attachment'],
      ['video/mp4', "it's (a) film*.mp4", 'inline'],
    ] as const)('answers GET with the bytes as %s, named %j', async (mimeType, originalName, disposition) => {
      const told = contentHeaders({ originalName, mimeType, isPublic: false }, disposition);
      const [contentType = '', contentDisposition = ''] = [told['Content-Type'], told['Content-Disposition']];
      const url = await store.downloadUrl(key, { expiresInSeconds: 60, contentType, contentDisposition });
      const answer = await fetch(url);
      expect(answer.status).toBe(200);
      expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true);
      expect(answer.headers.get('content-type')).toBe(contentType);
      expect(answer.headers.get('content-disposition')).toBe(contentDisposition);
      expect(answer.headers.get('content-length')).toBe(`${SIZE}`);
    });

    it.each([
      ['bytes=0-0', 0, 0],
      ['bytes=100-70000', 100, 70_000],
      ['bytes=299000-', 299_000, SIZE - 1],
    ])('answers the range %s with just that', async (range, start, end) => {
      const url = await store.downloadUrl(key, PLAIN);
      const answer = await fetch(url, { headers: { range } });
      expect(answer.status).toBe(206);
      expect(answer.headers.get('content-range')).toBe(`bytes ${start}-${end}/${SIZE}`);
      expect(answer.headers.get('content-type')).toBe('text/plain');
      expect(Buffer.from(await answer.arrayBuffer()).equals(content.subarray(start, end + 1))).toBe(true);
    });

    it('is given for an absent key too, and answers 404', async () => {
      expect(await statusOf(await store.downloadUrl(newBlobKey(), PLAIN))).toBe(404);
    });

    it('works for what lies in an area', async () => {
      const own = newBlobKey('incoming');
      await store.put(own, chunked(content, 65_536));
      const answer = await fetch(await store.downloadUrl(own, PLAIN));
      expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true);
    });

    it('is refused with any of its parameters changed', async () => {
      const changed = [...tampered(await store.downloadUrl(key, PLAIN))];
      expect(changed.length).toBeGreaterThan(3);
      for (const [name, url] of changed) {
        expect({ name, refused: isRefusal(await statusOf(url)) }).toEqual({ name, refused: true });
      }
    });

    it('is refused without its parameters, and for another key', async () => {
      const url = await store.downloadUrl(key, PLAIN);
      expect(await statusOf(url)).toBe(200);
      expect(isRefusal(await statusOf(url.slice(0, url.indexOf('?'))))).toBe(true);
      expect(isRefusal(await statusOf(url.replace(key, other)))).toBe(true);
      expect(isRefusal(await statusOf(url.replace(key, other), { method: 'HEAD' }))).toBe(true);
    });

    it('is refused for anything but reading', async () => {
      const url = await store.downloadUrl(key, PLAIN);
      expect(isRefusal(await statusOf(url, { method: 'PUT', body: bodyOf(10) }))).toBe(true);
      expect(isRefusal(await statusOf(url, { method: 'DELETE' }))).toBe(true);
      expect((await read(await store.open(key))).equals(content)).toBe(true);
    });

    it('is refused when its time is over', async () => {
      const url = await store.downloadUrl(key, { ...PLAIN, expiresInSeconds: 1 });
      await wait(2_500);
      expect(isRefusal(await statusOf(url))).toBe(true);
    });

    it('is refused when it was made with credentials that the provider does not know', async () => {
      expect(isRefusal(await statusOf(await foreign.downloadUrl(key, PLAIN)))).toBe(true);
    });
    it('is refused for what is not a key', async () => {
      for (const malformed of ['', '../x', 'incoming/', `${newBlobKey()}0`]) {
        await expect(store.downloadUrl(malformed, PLAIN)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
      }
    });
  });
}
