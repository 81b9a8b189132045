const PIECE_BYTES = 256 * 1024;

/** The bytes in pieces of 256 KiB, none of them copied: handed over one by one, each that has left is a sign of life. */
export function piecesOf(bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.byteLength / PIECE_BYTES);
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * PIECE_BYTES, (at + 1) * PIECE_BYTES));
}
