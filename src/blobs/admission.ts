import type { Readable } from 'node:stream';
import { AppError } from '../errors.ts';
import { isBlobKey } from './blob-store.ts';

/** Rejects whatever does not have the form of a blob key with BAD_USER_INPUT, before it can reach a backend. */
export function requireKey(key: string): void {
  if (!isBlobKey(key)) throw new AppError('BAD_USER_INPUT', 'This is not the key of a blob.');
}

/** Throws what keeps a put from beginning: a key that is none, a signal that came, a source that is read already; destroys the source then. */
export function admitPut(key: string, source: Readable, signal: AbortSignal | undefined): void {
  try {
    requireKey(key);
    signal?.throwIfAborted();
    // A source read to its end before looks like an empty one, and would be kept as an empty blob.
    if (source.readableEnded) throw new Error('The source was already read to its end.');
  } catch (error) {
    source.destroy();
    throw error;
  }
}
