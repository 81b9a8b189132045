import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';

/** What is found where a copy should lie. */
export type CopyState = 'whole' | 'missing' | 'wrong-size' | 'wrong-hash';

/** What is there under the key, by its size alone or, when `deep`, by all of its bytes; rejects when the store cannot tell. */
export async function copyState(
  store: BlobStore,
  key: string,
  content: Pick<Blob, 'size' | 'hash'>,
  options: { deep: boolean; signal?: AbortSignal },
): Promise<CopyState> {
  try {
    if ((await store.stat(key)).size !== content.size) return 'wrong-size';
    if (!options.deep) return 'whole';
    return (await hashOf(store, key, options.signal)) === content.hash ? 'whole' : 'wrong-hash';
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return 'missing';
    throw error;
  }
}

async function hashOf(store: BlobStore, key: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done();
    },
  });
  await pipeline((await store.open(key)).stream, sink, signal ? { signal } : {});
  return hash.digest('hex');
}
