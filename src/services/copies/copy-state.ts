import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import { type ContentKeys, storedSize } from './content-keys.ts';
import { CopyCheck, type PassOptions } from './copy-check.ts';

/** What is found where a copy should lie. */
export type CopyState = 'whole' | 'missing' | 'wrong-size' | 'wrong-hash';

/** How closely a copy is looked at. */
export interface Closeness extends PassOptions {
  readonly deep: boolean;
  readonly keys: ContentKeys;
}

type Content = Pick<Blob, '_id' | 'size' | 'hash' | 'encryption'>;

/**
 * What is there under the key, by its size alone or, when `deep`, by all of its bytes; rejects when the store cannot tell,
 * and when it could be told only with a master key that is missing.
 */
export async function copyState(
  store: BlobStore,
  key: string,
  content: Content,
  options: Closeness,
): Promise<CopyState> {
  try {
    if ((await store.stat(key)).size !== storedSize(content)) return 'wrong-size';
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
  content: Content,
  options: Closeness,
): Promise<boolean> {
  const check = new CopyCheck({ ...content, key: options.keys.of(content) }, options);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const { signal } = options;
  await pipeline((await store.open(key)).stream, check, nowhere, signal ? { signal } : {});
  return check.matches;
}
