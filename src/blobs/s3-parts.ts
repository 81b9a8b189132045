import type { Readable } from 'node:stream';

/** A piece of a source: all are of one size but the last, which may be empty where it is the only one. */
export interface Part {
  readonly number: number;
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

const FIRST_BYTES = 64 * 1024;

/** Cuts a source into parts, in memory of its own that is used again: small chunks may each hold a large buffer alive. */
export class PartCutter {
  readonly #size: number;
  readonly #spare: Buffer[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** The parts of the source, each as soon as it is known whether it is the last; ends with the source's own error. */
  async *cut(source: Readable): AsyncGenerator<Part> {
    let number = 1;
    // Most blobs are small.
    let buffer: Buffer = Buffer.allocUnsafeSlow(Math.min(FIRST_BYTES, this.#size));
    let filled = 0;
    for await (const chunk of source) {
      let rest = toBytes(chunk, source.readableEncoding);
      while (rest.byteLength > 0) {
        if (filled === this.#size) {
          yield { number, bytes: buffer, isLast: false };
          number += 1;
          buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#size);
          filled = 0;
        }
        if (filled === buffer.byteLength) buffer = this.#grown(buffer);
        const taken = rest.subarray(0, buffer.byteLength - filled);
        buffer.set(taken, filled);
        filled += taken.byteLength;
        rest = rest.subarray(taken.byteLength);
      }
    }
    yield { number, bytes: buffer.subarray(0, filled), isLast: true };
  }

  /** Takes back the memory of a part that nobody reads any more. */
  reuse({ bytes }: Part): void {
    if (bytes.byteLength === this.#size) this.#spare.push(bytes);
  }

  #grown(buffer: Buffer): Buffer {
    const larger = Buffer.allocUnsafeSlow(Math.min(buffer.byteLength * 2, this.#size));
    larger.set(buffer);
    return larger;
  }
}

function toBytes(chunk: unknown, encoding: BufferEncoding | null): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding ?? 'utf8');
  throw new TypeError('A blob is written from a stream of bytes.');
}
