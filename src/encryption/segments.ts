/** The plain bytes of every segment but the last, which has what is left. */
export const SEGMENT_BYTES = 65_536;
/** The bytes of the tag behind each segment. */
export const TAG_BYTES = 16;

const SEALED_BYTES = SEGMENT_BYTES + TAG_BYTES;

/** The position of the last segment of a content of so many bytes; an empty content is one empty segment. */
export function lastSegment(plainBytes: number): number {
  return Math.max(0, Math.ceil(plainBytes / SEGMENT_BYTES) - 1);
}

/** How many bytes so many plain bytes are once they are encrypted; exact as far as numbers are, to 2^53. */
export function cipherSize(plainBytes: number): number {
  return plainBytes + (lastSegment(plainBytes) + 1) * TAG_BYTES;
}

/** How many plain bytes lie in so many encrypted ones; null where no content has that many. */
export function plainSize(cipherBytes: number): number | null {
  const segments = Math.max(1, Math.ceil(cipherBytes / SEALED_BYTES));
  const plain = cipherBytes - segments * TAG_BYTES;
  return plain >= 0 && cipherSize(plain) === cipherBytes ? plain : null;
}

/** A run of whole segments, and what to leave out of its plain bytes at the front. */
export interface SegmentSpan {
  /** Positions of segments, both inclusive. */
  readonly first: number;
  readonly last: number;
  /** Byte positions in the encrypted content, both inclusive. */
  readonly start: number;
  readonly end: number;
  /** Plain bytes of the first segment that were not asked for. */
  readonly skip: number;
  /** Plain bytes that were asked for. */
  readonly take: number;
}

/** The segments that hold these plain bytes, both positions inclusive, of a content of so many; without any: all. */
export function spanOf(
  plainBytes: number,
  range?: { readonly start: number; readonly end: number },
): SegmentSpan {
  const { start, end } = range ?? { start: 0, end: plainBytes - 1 };
  const cut = Math.min(end, plainBytes - 1);
  const first = Math.floor(start / SEGMENT_BYTES);
  const last = Math.min(Math.max(first, Math.floor(cut / SEGMENT_BYTES)), lastSegment(plainBytes));
  return {
    first,
    last,
    start: first * SEALED_BYTES,
    end: Math.min((last + 1) * SEALED_BYTES, cipherSize(plainBytes)) - 1,
    skip: start - first * SEGMENT_BYTES,
    take: cut - start + 1,
  };
}

/** The plain bytes that the segment at this position has. */
export function plainBytesOf(segment: number, plainBytes: number): number {
  return Math.min(SEGMENT_BYTES, plainBytes - segment * SEGMENT_BYTES);
}
