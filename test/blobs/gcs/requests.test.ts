import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BlobStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import type { Backend } from '../../support/backend.ts';
import { newGcsBucket } from '../../support/backends/gcs-bucket.ts';
import { FlakyProxy } from '../flaky-proxy.ts';
import { openVariables } from '../open-variables.ts';
import { RecordingProxy } from '../recording-proxy.ts';
import { chunked, patternOf, read, sourceOf, stalledAfter } from '../sources.ts';

const MiB = 1024 * 1024;
const KiB256 = 256 * 1024;

let backend: Backend;
beforeAll(async () => {
  backend = await newGcsBucket();
});

describe('the store of Google Cloud Storage', () => {
  let proxy: RecordingProxy;
  let store: BlobStore;
  beforeEach(async () => {
    proxy = await RecordingProxy.start(backend.origin);
    store = await openVariables('gcp', backend.at(proxy.origin));
  });
  afterEach(async () => {
    await store.close();
    await proxy.stop();
  });

  const ranges = () => proxy.of('PUT').map(({ headers }) => headers['content-range']);

  it('writes what fits into one part by one request', async () => {
    for (const size of [0, 1, 5 * MiB]) {
      proxy.passed.length = 0;
      expect(await store.put(newBlobKey(), sourceOf(size))).toBe(size);
      expect(proxy.passed).toMatchObject([{ method: 'POST', status: 200 }]);
      expect(proxy.passed[0]?.url.searchParams.get('uploadType')).toBe('multipart');
      expect(proxy.passed[0]?.url.searchParams.get('ifGenerationMatch')).toBe('0');
    }
  });

  it('writes more in parts whose size is a multiple of 256 KiB, however it was configured', async () => {
    const odd = await openVariables('gcp', { ...backend.at(proxy.origin), STORAGE_PART_SIZE: '5242881' });
    const part = 5 * MiB + KiB256;
    const content = patternOf(2 * part + 7);
    const key = newBlobKey();
    await odd.put(key, chunked(content, 100_000));
    expect(ranges()).toEqual([
      `bytes 0-${part - 1}/*`,
      `bytes ${part}-${2 * part - 1}/*`,
      `bytes ${2 * part}-${2 * part + 6}/${2 * part + 7}`,
    ]);
    expect((await read(await odd.open(key))).equals(content)).toBe(true);
    await odd.close();
  });

  it('ends with a whole part where the content is a multiple of it', async () => {
    await store.put(newBlobKey(), sourceOf(10 * MiB));
    expect(ranges()).toEqual([`bytes 0-${5 * MiB - 1}/*`, `bytes ${5 * MiB}-${10 * MiB - 1}/${10 * MiB}`]);
  });

  it('does not take a pause at the end of a part for the end of the content', async () => {
    async function* pausing() {
      yield patternOf(5 * MiB);
      await wait(100);
      yield patternOf(7);
    }
    expect(await store.put(newBlobKey(), Readable.from(pausing()))).toBe(5 * MiB + 7);
    expect(ranges()).toEqual([`bytes 0-${5 * MiB - 1}/*`, `bytes ${5 * MiB}-${5 * MiB + 6}/${5 * MiB + 7}`]);
  });

  it('goes on behind what the server kept of a part that broke off', async () => {
    const flaky = await FlakyProxy.start(proxy.origin);
    const cut = await openVariables('gcp', backend.at(flaky.origin));
    const key = newBlobKey();
    const content = patternOf(12 * MiB);
    flaky.disturb({ kind: 'cut', way: 'up', after: 8 * MiB });
    expect(await cut.put(key, chunked(content, 65_536))).toBe(content.length);
    expect(flaky.struck).toBe(1);
    const [first, broken, asked, rest, last] = ranges();
    expect([first, broken]).toEqual([`bytes 0-${5 * MiB - 1}/*`, `bytes ${5 * MiB}-${10 * MiB - 1}/*`]);
    expect(asked).toBe('bytes */*');
    const from = Number(/^bytes (\d+)-/.exec(rest ?? '')?.[1]);
    expect(from).toBeGreaterThan(5 * MiB);
    expect(from % KiB256).toBe(0);
    expect(rest).toBe(`bytes ${from}-${10 * MiB - 1}/*`);
    expect(last).toBe(`bytes ${10 * MiB}-${12 * MiB - 1}/${12 * MiB}`);
    expect((await read(await store.open(key))).equals(content)).toBe(true);
    await cut.close();
    await flaky.stop();
  });

  it.each([
    ['is aborted', (aborting: AbortController) => aborting.abort(new Error('enough'))],
    [
      'has a source that fails',
      (_: AbortController, source: Readable) => source.destroy(new Error('enough')),
    ],
  ])('has cancelled the upload by the time that a put rejects which %s', async (_what, end) => {
    const aborting = new AbortController();
    const source = stalledAfter(12 * MiB);
    const putting = store.put(newBlobKey(), source, { signal: aborting.signal });
    putting.catch(() => {});
    const sent = () => proxy.of('PUT').filter(({ status }) => status === 308).length;
    await expect.poll(sent, { timeout: 20_000 }).toBe(2);
    end(aborting, source);
    await expect(putting).rejects.toThrow('enough');
    expect(proxy.of('DELETE')).toMatchObject([{ status: 499 }]);
    expect(proxy.of('DELETE')[0]?.url.searchParams.has('upload_id')).toBe(true);
  });

  it.each([
    ['one request', MiB],
    ['parts', 6 * MiB],
  ])('removes its own generation when the signal comes as the object is made by %s', async (_what, size) => {
    const key = newBlobKey();
    const aborting = new AbortController();
    let generation = '';
    proxy.after = (passed, body) => {
      const made = passed.status === 200 && passed.method !== 'GET' && body.includes('"generation"');
      if (made) {
        generation = JSON.parse(body.toString()).generation;
        aborting.abort(new Error('too late'));
      }
      return body;
    };
    await expect(store.put(key, sourceOf(size), { signal: aborting.signal })).rejects.toThrow('too late');
    expect(proxy.of('DELETE').map(({ url }) => url.searchParams.get('ifGenerationMatch'))).toEqual([
      generation,
    ]);
    await expect(store.stat(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('takes an object for its own only if it is, where the answer to its making was lost', async () => {
    const [own, foreign] = [newBlobKey(), newBlobKey()];
    const other = await openVariables('gcp', backend.env);
    proxy.before = async ({ url, method }) => {
      if (method !== 'POST' || !url.pathname.startsWith('/upload/')) return;
      proxy.before = () => {};
      await other.put(foreign, sourceOf(10));
    };
    await expect(store.put(foreign, sourceOf(100))).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await store.stat(foreign)).size).toBe(10);
    let lost = 0;
    proxy.after = (passed, body) => {
      if (passed.method === 'POST' && lost++ === 0) throw new Error('lost');
      return body;
    };
    expect(await store.put(own, sourceOf(100))).toBe(100);
    expect(proxy.of('POST').map(({ status }) => status)).toEqual([412, 200, 412]);
    expect((await store.stat(own)).size).toBe(100);
    await other.close();
  });

  it.each([MiB, 6 * MiB])(
    'rejects a put of %i bytes of which the server kept others, and removes them',
    async (size) => {
      const key = newBlobKey();
      proxy.after = ({ method }, body) => {
        if (method !== 'POST' && method !== 'PUT') return body;
        return Buffer.from(
          body.toString().replace(/"md5Hash":"[^"]+"/, '"md5Hash":"AAAAAAAAAAAAAAAAAAAAAA=="'),
        );
      };
      await expect(store.put(key, sourceOf(size))).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
      await expect(store.stat(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    },
  );

  it('asks for a token once, and sends it with every call of its own', async () => {
    const key = newBlobKey();
    await store.put(key, sourceOf(10));
    await store.stat(key);
    await read(await store.open(key));
    await Array.fromAsync(store.list());
    await store.check();
    await store.delete(key);
    const tokens = new Set(
      proxy.passed
        .filter(({ url }) => !url.searchParams.has('upload_id'))
        .map(({ headers }) => headers.authorization),
    );
    expect([...tokens]).toEqual([expect.stringMatching(/^Bearer ./)]);
  });

  it('makes no object by a check, and leaves no upload begun', async () => {
    await store.check();
    expect(proxy.passed.map(({ method, status }) => [method, status])).toEqual([
      ['POST', 200],
      ['DELETE', 499],
    ]);
  });

  it('lists in pages of 1,000, and what lies in an area not at all unless it is asked for', async () => {
    await Promise.all([0, 1, 2].map(() => store.put(newBlobKey('incoming'), sourceOf(1))));
    proxy.passed.length = 0;
    let told = 0;
    proxy.after = (_, body) => {
      told += JSON.parse(body.toString()).items?.length ?? 0;
      return body;
    };
    const listed = await Array.fromAsync(store.list());
    expect(told).toBe(listed.length);
    expect(proxy.passed[0]?.url.searchParams.get('maxResults')).toBe('1000');
    expect(await Array.fromAsync(store.list('incoming/'))).toHaveLength(3);
  });

  it('tells a missing bucket from a missing object, whatever the server says of either', async () => {
    proxy.after = ({ status }, body) => (status === 404 ? Buffer.from('Not Found') : body);
    await expect(store.stat(newBlobKey())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.open(newBlobKey())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await store.delete(newBlobKey());
    const lost = await openVariables('gcp', { ...backend.at(proxy.origin), GCP_BUCKET: 'no-such-bucket' });
    for (const call of ['stat', 'open', 'delete'] as const) {
      await expect(lost[call](newBlobKey())).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    }
    await lost.close();
  });
});
