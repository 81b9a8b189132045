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

/** A blob, or one range of it, that is being read. Destroying the stream frees what it holds. */
export interface OpenBlob {
  /** The bytes of the whole blob, whatever the range. */
  size: number;
  stream: Readable;
}

/** How a blob is written. */
export interface PutOptions {
  /** Ends the write; the promise then rejects with the signal's reason and the key stays absent. */
  signal?: AbortSignal;
  /** The most bytes that can come, where that is known: it decides how large the parts of a large upload are. */
  atMost?: number;
}

/**
 * Where bytes live. Blobs are immutable and keys are ours (see `newBlobKey`), so no method can be given a path.
 * A failure of the backend itself rejects with STORAGE_UNAVAILABLE, says by its message what kind of failure it is (see
 * `storageFailure`) and keeps the backend's error as `cause`. No call waits for ever for a backend that does not answer.
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
   * A rejected put has destroyed its source. Memory stays below 64 MiB for each put that is under way, but for one whose
   * `atMost` needs parts of more than that.
   */
  put(key: string, source: Readable, options?: PutOptions): Promise<number>;

  /**
   * Opens a blob, or one range of it, for reading. Rejects with NOT_FOUND before any byte; a range that
   * starts beyond the end rejects with BAD_USER_INPUT, an end beyond the last byte is cut to it.
   * A stream that cannot give all of its bytes fails; it never ends early.
   */
  open(key: string, range?: ByteRange): Promise<OpenBlob>;

  /** Resolves with the blob's entry; rejects with NOT_FOUND for an absent key. */
  stat(key: string): Promise<BlobEntry>;

  /** Removes a blob; an absent key is success. */
  delete(key: string): Promise<void>;

  /**
   * Every blob whose key begins with the prefix, ascending by key, in memory that hardly grows with their number.
   * What lies in an area (see `AREAS`) is listed only by a prefix that begins with the area's name and its slash.
   */
  list(prefix?: string): AsyncIterable<BlobEntry>;

  /**
   * Removes what killed writers left unfinished and nobody touched since `before`; resolves with how many there were.
   * With `countOnly` it removes nothing.
   */
  sweepUnfinished(before: Date, options?: { countOnly?: boolean }): Promise<number>;

  /** Resolves when the backend answers and can be written to; rejects with STORAGE_UNAVAILABLE otherwise. */
  check(): Promise<void>;

  /** Gives back sockets and handles; the store is unusable afterwards. */
  close(): Promise<void>;
}

/** What a signed URL answers a client with, and for how long. */
export interface DownloadGrant {
  expiresInSeconds: number;
  contentType: string;
  contentDisposition: string;
}

/** What a client may send to a signed URL, in bytes, and for how long. */
export interface UploadGrant {
  expiresInSeconds: number;
  size: number;
}

/** What a client must know to send bytes straight to a store by one HTTP request. */
export interface UploadAddress {
  readonly method: 'PUT';
  readonly url: string;
  /** Headers that the request must carry, exactly so. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A store whose provider serves clients itself, by signed URLs. */
export interface DirectStore extends BlobStore {
  /**
   * A URL that answers GET, ranges included, with the blob's bytes under exactly this `content-type` and
   * `content-disposition`, for so many seconds and for nothing else. It does not look whether the key exists.
   */
  downloadUrl(key: string, grant: DownloadGrant): Promise<string>;

  /**
   * A URL by which a client puts an object of this size under this key, for so many seconds and for nothing else.
   * Where the provider can hold a client to the size it does. Unlike `put` the request may be repeated.
   */
  uploadAddress(key: string, grant: UploadGrant): Promise<UploadAddress>;
}

/** Whether clients can reach the store's provider themselves. */
export function isDirect(store: BlobStore): store is DirectStore {
  return 'downloadUrl' in store && 'uploadAddress' in store;
}

/** Where objects lie that are no blobs: content that is not checked yet, and objects that nothing refers to. */
export const AREAS = ['incoming', 'lost-found'] as const;
/** The name of such a place. */
export type Area = (typeof AREAS)[number];

const KEY = /^(?:(?:incoming|lost-found)\/)?[0-9a-z]{32}$/;

/** A new random key: 128 bits in lower-case hex, never derived from anything a client sent. */
export function newBlobKey(area?: Area): string {
  const name = randomBytes(16).toString('hex');
  return area ? `${area}/${name}` : name;
}

/** The key in another area; without one, that of a blob. */
export function keyIn(area: Area | null, key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1);
  return area ? `${area}/${name}` : name;
}

/**
 * Whether a string has the form of a key, 32 lower-case letters and digits, in an area or not; stores refuse
 * everything else.
 */
export function isBlobKey(key: string): boolean {
  return KEY.test(key);
}

/** Whether a listing by this prefix shows this key: one of an area only where the prefix names the area. */
export function isListed(key: string, prefix: string): boolean {
  if (!isBlobKey(key) || !key.startsWith(prefix)) return false;
  const slash = key.indexOf('/') + 1;
  return prefix.length >= slash;
}
