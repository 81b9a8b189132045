/** The bytes of one chunk of a source; anything but bytes, or text in an encoding, throws a TypeError. */
export function toBytes(chunk: unknown, encoding: BufferEncoding | null): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding ?? 'utf8');
  throw new TypeError('A blob is written from a stream of bytes.');
}
