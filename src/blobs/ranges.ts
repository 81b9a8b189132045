import type { ByteRange } from './blob-store.ts';
import { rangeOutside, unavailable } from './storage-failure.ts';

/** The part of the range that lies inside a blob of this size; a range without any such part throws BAD_USER_INPUT. */
export function cutRange({ start, end }: ByteRange, size: number): ByteRange {
  const wellFormed = Number.isSafeInteger(start) && start >= 0 && end >= start;
  if (!wellFormed || start >= size) throw rangeOutside(undefined);
  return { start, end: Math.min(Math.floor(end), size - 1) };
}

/** The header that asks for a range; what is no range of any blob throws BAD_USER_INPUT. */
export function rangeHeader(range: ByteRange): string {
  const { start, end } = cutRange(range, Number.POSITIVE_INFINITY);
  return `bytes=${start}-${Number.isSafeInteger(end) ? end : ''}`;
}

/** What an answer to GET tells of its content. */
export interface Told {
  readonly contentLength?: number | undefined;
  readonly contentRange?: string | undefined;
}

/** A part of a blob, and the size of the whole. */
export interface GivenPart extends ByteRange {
  readonly size: number;
}

/**
 * Which part of a blob an answer to GET gives; throws STORAGE_UNAVAILABLE unless it is that which was asked for, and
 * BAD_USER_INPUT where the blob has no such part.
 */
export function givenPart({ contentLength, contentRange }: Told, range?: ByteRange): GivenPart {
  // RFC 9110 section 14.4: Content-Range: bytes 0-499/1234
  const [, first, last, complete] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange ?? '') ?? [];
  const size = complete === undefined ? contentLength : Number(complete);
  if (size === undefined || !Number.isSafeInteger(size)) {
    throw unavailable(new Error('The storage did not tell how large the content is.'));
  }
  const { start, end } = range ? cutRange(range, size) : { start: 0, end: size - 1 };
  // A server may also answer with all that there is.
  if (Number(first ?? 0) === start && Number(last ?? size - 1) === end) return { start, end, size };
  throw unavailable(
    new Error(`The storage gave ${contentRange} instead of the bytes from ${start} to ${end}.`),
  );
}
