import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { type BlobStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import { heldBytes } from '../held-bytes.ts';
import { chunked, patternOf, read, sourceOf } from '../sources.ts';

const MiB = 1024 * 1024;

/** The part of the contract about writing whole blobs and reading them back. */
export function writesWholeBlobs(store: () => BlobStore): void {
  // The sizes around one part and around two of a provider's uploads in parts, and around the local store's batches.
  const edges = [MiB, 5 * MiB, 10 * MiB].flatMap((size) => [size - 1, size, size + 1]);
  for (const size of [0, 1, 10_240, ...edges, 12 * MiB + 3]) {
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
    expect(peak - before).toBeLessThan(64 * MiB);
    const stored = createHash('sha256');
    for await (const chunk of (await store().open(key)).stream) stored.update(chunk);
    expect(stored.digest('hex')).toBe(written.digest('hex'));
    await store().delete(key);
  });

  it.each([
    ['as much', 6 * MiB],
    ['far more', 60 * 1024 * MiB],
  ])('takes a source that might have brought %s', async (_what, atMost) => {
    const key = newBlobKey();
    const content = patternOf(6 * MiB);
    expect(await store().put(key, chunked(content, 65_536), { atMost })).toBe(content.length);
    expect((await read(await store().open(key))).equals(content)).toBe(true);
  });

  it.each([0, 100, 6 * MiB])(
    'never cuts a source that brings more than the %i bytes it was to bring at most',
    async (atMost) => {
      const key = newBlobKey();
      const content = patternOf(11 * MiB);
      const size = await store()
        .put(key, chunked(content, 65_536), { atMost })
        .catch(() => undefined);
      if (size === undefined) await expect(store().stat(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      else expect((await read(await store().open(key))).equals(content)).toBe(true);
    },
  );

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
