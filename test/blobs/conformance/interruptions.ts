import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BlobStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import type { ProviderName } from '../../../src/blobs/providers.ts';
import { storageFailure } from '../../../src/blobs/storage-failure.ts';
import type { Backend } from '../../support/backend.ts';
import { FlakyProxy, type Trouble } from '../flaky-proxy.ts';
import { openVariables } from '../open-variables.ts';
import { chunked, patternOf, read, sourceOf, stalledAfter } from '../sources.ts';

const MiB = 1024 * 1024;
const AN_HOUR = 3_600_000;
const UNREACHABLE = {
  code: 'STORAGE_UNAVAILABLE',
  message: storageFailure('unreachable', undefined).message,
};

/** The part of the contract about transfers during which the backend goes away: whole, or a failure, and never for ever. */
export function survivesInterruptions(backendOf: () => Backend | Promise<Backend>): void {
  describe('a transfer whose backend is interrupted', { timeout: 60_000 }, () => {
    const key = newBlobKey();
    const content = patternOf(13 * MiB);
    let proxy: FlakyProxy;
    let sound: BlobStore;
    let store: BlobStore;

    beforeAll(async () => {
      const backend = await backendOf();
      const provider = backend.provider as ProviderName;
      proxy = await FlakyProxy.start(backend.origin);
      sound = await openVariables(provider, backend.env);
      store = await openVariables(provider, { ...backend.at(proxy.origin), STORAGE_TIMEOUT_SECONDS: '2' });
      await sound.put(key, chunked(content, 65_536));
    });
    afterEach(async () => {
      await proxy.pass();
      // What the store could not take back, as nobody was there to tell it to.
      await sound.sweepUnfinished(new Date(Date.now() + AN_HOUR));
    });
    afterAll(async () => {
      await store?.close();
      await sound?.close();
      await proxy?.stop();
    });

    const expectWholeOrAbsent = async (putting: Promise<number>, absent: string, size: number) => {
      const outcome = await putting.catch((error) => error);
      await proxy.pass();
      if (typeof outcome === 'number') {
        expect(outcome).toBe(size);
        expect((await read(await sound.open(absent))).equals(content.subarray(0, size))).toBe(true);
      } else {
        expect(outcome).toMatchObject({ code: 'STORAGE_UNAVAILABLE', cause: expect.anything() });
        await expect(sound.stat(absent)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      }
    };

    it.each<[string, Trouble]>([
      ['stalls midway', { kind: 'stall', way: 'down', after: 3 * MiB }],
      ['stalls in the middle of its head', { kind: 'stall', way: 'down', after: 20 }],
      ['is reset once', { kind: 'cut', way: 'down', after: 3 * MiB }],
      ['is reset each time', { kind: 'cut each', way: 'down', after: MiB }],
      ['ends too early once', { kind: 'cut', way: 'down', after: 3 * MiB, gently: true }],
      ['ends too early each time', { kind: 'cut each', way: 'down', after: MiB, gently: true }],
    ])('fails, or gives every byte, where a download %s', async (_what, trouble) => {
      proxy.disturb(trouble);
      const outcome = await store
        .open(key)
        .then(read)
        .catch((error) => error);
      expect(proxy.struck).toBeGreaterThan(0);
      if (outcome instanceof Buffer) expect(outcome.equals(content)).toBe(true);
      else expect(outcome).toMatchObject({ ...UNREACHABLE, cause: expect.anything() });
    });

    it.each<[string, number, Trouble]>([
      ['a small upload is reset once', 300_000, { kind: 'cut', way: 'up', after: 150_000 }],
      ['an upload in parts is reset once in the first', 13 * MiB, { kind: 'cut', way: 'up', after: 2 * MiB }],
      [
        'an upload in parts is reset once in a later one',
        13 * MiB,
        { kind: 'cut', way: 'up', after: 11 * MiB },
      ],
      ['a small upload is reset each time', 300_000, { kind: 'cut each', way: 'up', after: 150_000 }],
      ['an upload in parts is reset each time', 13 * MiB, { kind: 'cut each', way: 'up', after: 2 * MiB }],
      ['a small upload stalls', 300_000, { kind: 'stall', way: 'up', after: 150_000 }],
      ['an upload in parts stalls', 13 * MiB, { kind: 'stall', way: 'up', after: 2 * MiB }],
    ])('keeps all or nothing where %s', async (_what, size, trouble) => {
      const absent = newBlobKey();
      proxy.disturb(trouble);
      const source = chunked(content.subarray(0, size), 65_536);
      await expectWholeOrAbsent(store.put(absent, source), absent, size);
      expect(proxy.struck).toBeGreaterThan(0);
      expect(source.destroyed).toBe(true);
    });

    // The backend has done what it was asked, and the store does not hear of it.
    describe.each([
      ['a small upload', 300_000, 3],
      ['an upload in parts', 13 * MiB, 7],
    ])('keeps all or nothing where %s', (_what, size, answers) => {
      const numbers = Array.from({ length: answers }, (_, number) => number);
      it.each(numbers)('does not get answer %i', async (answer) => {
        const absent = newBlobKey();
        proxy.disturb({ kind: 'lose', answer });
        await expectWholeOrAbsent(
          store.put(absent, chunked(content.subarray(0, size), 65_536)),
          absent,
          size,
        );
      });
    });

    it('rejects an upload whose backend goes away, and sweeps what it left once it is back', async () => {
      const absent = newBlobKey();
      const source = stalledAfter(12 * MiB);
      const putting = store.put(absent, source);
      await wait(500);
      await proxy.refuse();
      source.push(null);
      await expect(putting).rejects.toMatchObject(UNREACHABLE);
      expect(source.destroyed).toBe(true);
      await proxy.pass();
      await expect(sound.stat(absent)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const later = new Date(Date.now() + AN_HOUR);
      expect(await sound.sweepUnfinished(new Date(Date.now() - AN_HOUR))).toBe(0);
      const left = await sound.sweepUnfinished(later, { countOnly: true });
      expect(await sound.sweepUnfinished(later)).toBe(left);
      expect(await sound.sweepUnfinished(later)).toBe(0);
      expect(await sound.put(absent, sourceOf(10))).toBe(10);
    });

    it.each([
      ['before its first byte', 0],
      ['in the midst of its parts', 7 * MiB],
    ])(
      'rejects with the reason of a signal although nobody answers, %s',
      { timeout: 40_000 },
      async (_when, bytes) => {
        const absent = newBlobKey();
        const reason = new Error('the client went away');
        const aborting = new AbortController();
        proxy.disturb({ kind: 'silence' });
        const source = stalledAfter(bytes);
        const putting = store.put(absent, source, { signal: aborting.signal });
        setTimeout(() => aborting.abort(reason), 50);
        expect(await putting.catch((error) => error)).toBe(reason);
        expect(source.destroyed).toBe(true);
      },
    );

    it('rejects with the error of a source although nobody answers', async () => {
      const failure = new Error('the source broke');
      proxy.disturb({ kind: 'silence' });
      const source = stalledAfter(7 * MiB);
      const putting = store.put(newBlobKey(), source);
      setTimeout(() => source.destroy(failure), 50);
      expect(await putting.catch((error) => error)).toBe(failure);
    });

    it('fails a listing that is cut in the middle, instead of ending early', async () => {
      proxy.disturb({ kind: 'cut each', way: 'down', after: 250 });
      await expect(Array.fromAsync(store.list())).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    });

    it('works again at once when the backend is back', async () => {
      await proxy.refuse();
      await expect(store.stat(key)).rejects.toMatchObject(UNREACHABLE);
      await proxy.pass();
      await store.check();
      expect((await read(await store.open(key))).equals(content)).toBe(true);
    });
  });
}
