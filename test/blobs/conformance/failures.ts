import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type BlobStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import { chunked, patternOf, read, sourceOf, stalledAfter } from '../sources.ts';

const MiB = 1024 * 1024;
const AN_HOUR = 3_600_000;

/** The part of the contract about what is left after failures: nothing. */
export function survivesFailures(store: () => BlobStore): void {
  const expectNothingOf = async (key: string) => {
    await expect(store().stat(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store().open(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await Array.fromAsync(store().list(key))).toEqual([]);
    expect(await store().sweepUnfinished(new Date(Date.now() + AN_HOUR))).toBe(0);
  };

  describe('a put that fails', () => {
    for (const bytes of [0, 100, 3 * MiB, 12 * MiB]) {
      it(`rejects with the same error that its source failed with after ${bytes} bytes`, async () => {
        const key = newBlobKey();
        const failure = new Error('the client went away');
        const source = stalledAfter(bytes);
        const putting = store().put(key, source);
        setTimeout(() => source.destroy(failure), 50);
        expect(await putting.catch((error) => error)).toBe(failure);
        await expectNothingOf(key);
      });
    }

    it('rejects when its source is destroyed without an error', async () => {
      const key = newBlobKey();
      const source = stalledAfter(2 * MiB);
      const putting = store().put(key, source);
      setTimeout(() => source.destroy(), 50);
      await expect(putting).rejects.toThrow();
      await expectNothingOf(key);
    });

    it('rejects when its source was destroyed before', async () => {
      const key = newBlobKey();
      const source = stalledAfter(10);
      source.destroy();
      await expect(store().put(key, source)).rejects.toThrow();
      await expectNothingOf(key);
    });

    it('rejects a source that was read to its end before, instead of keeping an empty blob', async () => {
      const key = newBlobKey();
      const source = chunked(patternOf(10), 10);
      await read(source);
      await expect(store().put(key, source)).rejects.toThrow();
      await expectNothingOf(key);
    });

    it('rejects a source that gives anything but bytes', async () => {
      const key = newBlobKey();
      await expect(store().put(key, Readable.from([{ not: 'bytes' }]))).rejects.toThrow();
      await expectNothingOf(key);
    });

    for (const bytes of [0, 100, 12 * MiB]) {
      it(`rejects with the signal's reason when it is aborted after ${bytes} bytes`, async () => {
        const key = newBlobKey();
        const reason = new Error('the request was cancelled');
        const aborting = new AbortController();
        const source = stalledAfter(bytes);
        const putting = store().put(key, source, { signal: aborting.signal });
        setTimeout(() => aborting.abort(reason), 50);
        expect(await putting.catch((error) => error)).toBe(reason);
        expect(source.destroyed).toBe(true);
        await expectNothingOf(key);
      });
    }

    it('rejects with the reason of a signal that was aborted before it started', async () => {
      const key = newBlobKey();
      const reason = new Error('too late');
      const source = sourceOf(MiB);
      const putting = store().put(key, source, { signal: AbortSignal.abort(reason) });
      expect(await putting.catch((error) => error)).toBe(reason);
      expect(source.readableDidRead).toBe(false);
      expect(source.destroyed).toBe(true);
      await expectNothingOf(key);
    });

    it('rejects with the reason of a signal that comes after the last byte, while it is being made durable', async () => {
      const key = newBlobKey();
      const reason = new Error('cancelled at the last moment');
      const aborting = new AbortController();
      const source = sourceOf(2 * MiB + 1);
      source.once('close', () => process.nextTick(() => aborting.abort(reason)));
      const putting = store().put(key, source, { signal: aborting.signal });
      expect(await putting.catch((error) => error)).toBe(reason);
      await expectNothingOf(key);
    });

    it('keeps the promise whenever the signal comes: either the blob is whole or it is absent', async () => {
      for (let delay = 0; delay < 24; delay += 1) {
        const key = newBlobKey();
        const aborting = new AbortController();
        const putting = store().put(key, sourceOf(2 * MiB), { signal: aborting.signal });
        const done = putting.then(
          () => true,
          () => false,
        );
        await Promise.race([wait(delay), done]);
        aborting.abort();
        if (await done) expect((await store().stat(key)).size).toBe(2 * MiB);
        else await expectNothingOf(key);
      }
    });

    it('lets the same key be written afterwards', async () => {
      const key = newBlobKey();
      const source = stalledAfter(MiB);
      const putting = store().put(key, source);
      source.destroy(new Error('first try'));
      await expect(putting).rejects.toThrow('first try');
      expect(await store().put(key, sourceOf(500))).toBe(500);
    });

    it('destroys the source that lost to an existing key, and leaves nothing of it', async () => {
      const key = newBlobKey();
      await store().put(key, sourceOf(10));
      await expect(store().put(key, sourceOf(2 * MiB))).rejects.toMatchObject({ code: 'CONFLICT' });
      expect((await store().stat(key)).size).toBe(10);
      expect(await store().sweepUnfinished(new Date(Date.now() + AN_HOUR))).toBe(0);
    });

    it('removes its listener from a signal that lives on', async () => {
      const { signal } = new AbortController();
      let listening = 0;
      const { addEventListener, removeEventListener } = signal;
      signal.addEventListener = (...all: Parameters<typeof addEventListener>) => {
        listening += 1;
        addEventListener.apply(signal, all);
      };
      signal.removeEventListener = (...all: Parameters<typeof removeEventListener>) => {
        listening -= 1;
        removeEventListener.apply(signal, all);
      };
      await store().put(newBlobKey(), sourceOf(100), { signal });
      expect(listening).toBeLessThanOrEqual(0);
    });
  });

  it('sweeps nothing that a running put has touched since', async () => {
    const key = newBlobKey();
    const source = stalledAfter(9 * MiB);
    const putting = store().put(key, source);
    await wait(200);
    expect(await store().sweepUnfinished(new Date(Date.now() - AN_HOUR))).toBe(0);
    source.push(null);
    expect(await putting).toBe(9 * MiB);
    expect((await store().stat(key)).size).toBe(9 * MiB);
  });

  it('shows nothing of a blob before it is whole', async () => {
    const key = newBlobKey();
    const source = stalledAfter(9 * MiB);
    const putting = store().put(key, source);
    await wait(200);
    await expect(store().stat(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store().open(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await Array.fromAsync(store().list(key))).toEqual([]);
    source.push(null);
    expect(await putting).toBe(9 * MiB);
    expect(await Array.fromAsync(store().list(key))).toHaveLength(1);
  });

  it('removes nothing by a sweep that only counts', async () => {
    const key = newBlobKey();
    const source = stalledAfter(9 * MiB);
    const putting = store().put(key, source);
    await wait(200);
    const soon = new Date(Date.now() + AN_HOUR);
    const counted = await store().sweepUnfinished(soon, { countOnly: true });
    // A part may have arrived meanwhile, but none is gone.
    expect(await store().sweepUnfinished(soon, { countOnly: true })).toBeGreaterThanOrEqual(counted);
    source.push(null);
    expect(await putting).toBe(9 * MiB);
    expect((await store().stat(key)).size).toBe(9 * MiB);
  });
}
