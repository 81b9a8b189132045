import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import { CopyCheck, type PassOptions } from './copy-check.ts';

/** What is found where a copy should lie. */
export type CopyState = 'whole' | 'missing' | 'wrong-size' | 'wrong-hash';

/** What is there under the key, by its size alone or, when `deep`, by all of its bytes; rejects when the store cannot tell. */
export async function copyState(
  store: BlobStore,
  key: string,
  content: Pick<Blob, 'size' | 'hash'>,
  options: PassOptions & { deep: boolean },
): Promise<CopyState> {
  try {
    if ((await store.stat(key)).size !== content.size) return 'wrong-size';
    if (!options.deep) return 'whole';
    return (await isRight(store, key, content, options)) ? 'whole' : 'wrong-hash';
  } catch (error) {
    options.signal?.throwIfAborted();
    if (hasCode(error, 'NOT_FOUND')) return 'missing';
    throw error;
  }
}

async function isRight(
  store: BlobStore,
  key: string,
  content: Pick<Blob, 'size' | 'hash'>,
  options: PassOptions,
): Promise<boolean> {
  const check = new CopyCheck(content, options);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const { signal } = options;
  await pipeline((await store.open(key)).stream, check, nowhere, signal ? { signal } : {});
  return check.matches;
}
