/** A closed interval of byte positions, both inclusive, as in RFC 9110 section 14.1.2. */
export interface ByteInterval {
  start: number;
  end: number;
}

/** What a Range header asks of a representation: all of it, one part of it, or nothing that exists. */
export type RangeResult = { kind: 'full' } | ({ kind: 'partial' } & ByteInterval) | { kind: 'unsatisfiable' };

const FULL: RangeResult = { kind: 'full' };
const UNSATISFIABLE: RangeResult = { kind: 'unsatisfiable' };

// RFC 9110, 14.1: "All range unit names are case-insensitive". Blanks are as in 14.1.2's "bytes= 0-999, 4500-5499".
const SINGLE_RANGE = /^[ \t]*bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/**
 * Reads the Range header of a GET (RFC 9110 section 14.2) for a representation of `size` bytes, up to 2^53, in linear
 * time; several ranges, other units and malformed values mean the full content, as that section lets a server choose.
 */
export function parseRange(header: string | undefined, size: number): RangeResult {
  const match = SINGLE_RANGE.exec(header ?? '');
  const first = significantDigits(match?.[1]);
  const last = significantDigits(match?.[2]);
  if (first === '') return last === '' ? FULL : suffix(Number(last), size);

  // 14.1.1: "An int-range is invalid if the last-pos value is present and less than the first-pos."
  if (last !== '' && isLess(last, first)) return FULL;

  // 14.1.2: satisfiable is "an int-range with a first-pos that is less than the current length of the selected
  // representation".
  const start = Number(first);
  if (start >= size) return UNSATISFIABLE;

  // 14.1.2: "if the value is greater than or equal to the current length of the representation data, the byte range
  // is interpreted as the remainder of the representation".
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return { kind: 'partial', start, end };
}

/** The Content-Range value of a 206 for this part, or of a 416 when no part is given (RFC 9110 section 14.4). */
export function contentRange(size: number, part?: ByteInterval): string {
  return part === undefined ? `bytes */${size}` : `bytes ${part.start}-${part.end}/${size}`;
}

function suffix(length: number, size: number): RangeResult {
  // 14.1.2: satisfiable is "a suffix-range with a non-zero suffix-length".
  if (length === 0) return UNSATISFIABLE;

  // An empty representation satisfies it too, but no Content-Range can name a part of no bytes.
  if (size === 0) return FULL;

  // 14.1.2: "If the selected representation is shorter than the specified suffix-length, the entire representation
  // is used."
  return { kind: 'partial', start: Math.max(0, size - length), end: size - 1 };
}

function significantDigits(digits: string | undefined): string {
  return (digits ?? '').replace(/^0+(?=\d)/, '');
}

// Positions past 2^53 lose digits as numbers, so their order is told from the digits themselves.
function isLess(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length;
}
