import type { ByteRange } from './blob-store.ts';
import { cutRange } from './cut-range.ts';
import { unavailable } from './storage-failure.ts';

/** The header that asks for a range; a malformed one throws BAD_USER_INPUT. */
export function rangeHeader(range: ByteRange): string {
  const { start, end } = cutRange(range, Number.POSITIVE_INFINITY);
  return `bytes=${start}-${Number.isSafeInteger(end) ? end : ''}`;
}

interface Answer {
  ContentLength?: number | undefined;
  ContentRange?: string | undefined;
}

/** The size of the whole blob, as the answer to GET tells it; throws where the answer gives another range. */
export function wholeSize({ ContentLength: length = 0, ContentRange }: Answer, range?: ByteRange): number {
  // RFC 9110 section 14.4: Content-Range: bytes 0-499/1234
  const [, first, last, complete] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(ContentRange ?? '') ?? [];
  const size = complete === undefined ? length : Number(complete);
  if (!range) return size;
  // The server may answer with all that there is; of an empty blob there is no range.
  const { start, end } = cutRange(range, size);
  if (Number(first ?? 0) !== start || Number(last ?? size - 1) !== end || length !== end - start + 1) {
    throw unavailable(new Error('The storage answered with another range.'));
  }
  return size;
}
