import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BlobStore, newBlobKey } from '../../src/blobs/blob-store.ts';
import { survivesFailures } from './conformance-failures.ts';
import { listsAndDeletes } from './conformance-listing.ts';
import { readsRanges } from './conformance-reading.ts';
import { chunked, patternOf, read, sourceOf } from './sources.ts';

const MiB = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Holds every sentence of the store's contract against one provider; `open` gives a fresh handle of a real backend. */
export function conformance(name: string, open: () => Promise<BlobStore>): void {
  describe(`the store of ${name}`, () => {
    let store: BlobStore;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(async () => {
      await store.close();
    });

    writesWholeBlobs(() => store);
    readsRanges(() => store);
    survivesFailures(() => store);
    listsAndDeletes(() => store);
  });
}

/** The bytes of all buffers that something still holds; what is only waiting to be collected does not count. */
function heldBytes(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

function writesWholeBlobs(store: () => BlobStore): void {
  for (const size of [0, 1, 10_240, MiB - 1, MiB, MiB + 1, 5 * MiB + 3, 8 * MiB]) {
    it(`gives back ${size} bytes as they came, and tells how many`, async () => {
      const key = newBlobKey();
      const content = patternOf(size);
      expect(await store().put(key, chunked(content, 65_536))).toBe(size);
      expect((await read(await store().open(key))).equals(content)).toBe(true);
      expect((await store().stat(key)).size).toBe(size);
    });
  }

  it('gives back content that came in chunks of every size', async () => {
    const key = newBlobKey();
    const content = patternOf(3 * MiB + 17);
    const sizes = [1, 7, 300_000, 65_536, 1, 1_100_000, 13];
    await store().put(key, chunked(content, ...sizes));
    expect((await read(await store().open(key))).equals(content)).toBe(true);
  });

  it('writes a source of many tiny chunks whole', async () => {
    const key = newBlobKey();
    const content = patternOf(5_000);
    await store().put(key, chunked(content, 1));
    expect((await read(await store().open(key))).equals(content)).toBe(true);
  });

  it('writes 200 MiB of unknown length without holding them in memory', { timeout: 120_000 }, async () => {
    const key = newBlobKey();
    const total = 200 * MiB;
    const written = createHash('sha256');
    const before = heldBytes();
    let peak = 0;
    let made = 0;
    const source = sourceOf(total, (chunk) => {
      written.update(chunk);
      made += chunk.length;
      if (made % (10 * MiB) === 0) peak = Math.max(peak, heldBytes());
    });
    expect(await store().put(key, source)).toBe(total);
    expect(peak - before).toBeLessThan(32 * MiB);
    const stored = createHash('sha256');
    for await (const chunk of (await store().open(key)).stream) stored.update(chunk);
    expect(stored.digest('hex')).toBe(written.digest('hex'));
    await store().delete(key);
  });

  it('waits for a slow producer', async () => {
    const key = newBlobKey();
    const content = patternOf(50);
    await store().put(
      key,
      chunked(content, 10).map((chunk) => new Promise((go) => setTimeout(go, 30, chunk))),
    );
    expect((await read(await store().open(key))).equals(content)).toBe(true);
  });

  it('waits for a slow consumer', async () => {
    const key = newBlobKey();
    const content = patternOf(3 * MiB);
    await store().put(key, chunked(content, 65_536));
    const chunks: Buffer[] = [];
    for await (const chunk of (await store().open(key)).stream) {
      await new Promise((go) => setTimeout(go, 10));
      chunks.push(chunk);
    }
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
  });

  it('keeps 32 puts at once apart', { timeout: 60_000 }, async () => {
    const blobs = Array.from({ length: 32 }, (_, index) => ({
      key: newBlobKey(),
      content: patternOf(100_000 + index * 10_007, index),
    }));
    await Promise.all(blobs.map(({ key, content }) => store().put(key, chunked(content, 65_536))));
    for (const { key, content } of blobs) {
      expect((await read(await store().open(key))).equals(content)).toBe(true);
    }
  });

  it('reads one blob whole while another is being written', async () => {
    const [first, second] = [newBlobKey(), newBlobKey()];
    const content = patternOf(2 * MiB);
    await store().put(first, chunked(content, 65_536));
    const putting = store().put(second, sourceOf(20 * MiB));
    expect((await read(await store().open(first))).equals(content)).toBe(true);
    expect(await putting).toBe(20 * MiB);
  });

  it('lets exactly one of two puts on one key win, with its bytes intact', { timeout: 60_000 }, async () => {
    for (let round = 0; round < 10; round += 1) {
      const key = newBlobKey();
      const contents = [patternOf(1_200_000, 1), patternOf(1_200_000, 2)];
      const results = await Promise.allSettled(
        contents.map((content) => store().put(key, chunked(content, 65_536))),
      );
      const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []));
      expect(winners).toHaveLength(1);
      expect(results.find((result) => result.status === 'rejected')?.reason).toMatchObject({
        code: 'CONFLICT',
      });
      const winner = contents[winners[0] ?? -1];
      expect((await read(await store().open(key))).equals(winner ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('never overwrites', async () => {
    const key = newBlobKey();
    await store().put(key, chunked(Buffer.from('first'), 5));
    await expect(store().put(key, chunked(Buffer.from('second'), 6))).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect((await read(await store().open(key))).toString()).toBe('first');
  });
}
