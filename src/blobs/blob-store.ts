import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';

/** A closed interval of byte positions, both inclusive, as in RFC 9110 section 14.1.2. */
export interface ByteRange {
  start: number;
  end: number;
}

/** One stored blob as a listing tells it; size in bytes. */
export interface BlobEntry {
  key: string;
  size: number;
  modifiedAt: Date;
}

/** How a blob is written. */
export interface PutOptions {
  /** Ends the write; the promise then rejects with the signal's reason and the key stays absent. */
  signal?: AbortSignal;
}

/**
 * Where bytes live. Blobs are immutable and keys are ours (see `newBlobKey`), so no method can be given a path.
 * A failure of the backend itself rejects with STORAGE_UNAVAILABLE and keeps the backend's error as `cause`.
 */
export interface BlobStore {
  /** The provider's name as it is stored with each blob: `local`, `aws`, `gcp`, `azure`. */
  readonly provider: string;
  /** The bucket, container or root directory that holds the blobs. */
  readonly location: string;

  /**
   * Writes the whole source under a new key and resolves with the number of bytes once they are durable.
   * All or nothing: after a rejection or an abort the key is absent and nothing half-made is left.
   * Never overwrites: an existing key rejects with CONFLICT. An error of the source rejects with that same error.
   * A rejected put has destroyed its source.
   */
  put(key: string, source: Readable, options?: PutOptions): Promise<number>;

  /**
   * Opens a blob, or one range of it, for reading. Rejects with NOT_FOUND before any byte; a range that
   * starts beyond the end rejects with BAD_USER_INPUT, an end beyond the last byte is cut to it.
   */
  open(key: string, range?: ByteRange): Promise<Readable>;

  /** Resolves with the blob's entry; rejects with NOT_FOUND for an absent key. */
  stat(key: string): Promise<BlobEntry>;

  /** Removes a blob; an absent key is success. */
  delete(key: string): Promise<void>;

  /** Every blob whose key begins with the prefix, in no promised order, in memory that does not grow with their number. */
  list(prefix?: string): AsyncIterable<BlobEntry>;

  /** Removes what killed writers left unfinished and nobody touched since `before`; resolves with how many. */
  sweepUnfinished(before: Date): Promise<number>;

  /** Resolves when the backend answers and can be written to; rejects with STORAGE_UNAVAILABLE otherwise. */
  check(): Promise<void>;

  /** Gives back sockets and handles; the store is unusable afterwards. */
  close(): Promise<void>;
}

const KEY = /^[0-9a-z]{32}$/;

/** A new random key: 128 bits in lower-case hex, never derived from anything a client sent. */
export function newBlobKey(): string {
  return randomBytes(16).toString('hex');
}

/** Whether a string has the form of a blob key, 32 lower-case letters and digits; stores refuse everything else. */
export function isBlobKey(key: string): boolean {
  return KEY.test(key);
}
