import { Readable } from 'node:stream';

const FIRST_BYTES = 16 * 1024;
const PIECE_BYTES = 256 * 1024;

/** Collects bytes until a block is full; it copies them, because a small chunk may hold a large buffer alive. */
export class BlockFiller {
  readonly #size: number;
  #spare: Buffer[] = [];
  #bytes: Buffer;
  #filled = 0;

  constructor(size: number) {
    this.#size = size;
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(FIRST_BYTES, size));
  }

  get isFull(): boolean {
    return this.#filled === this.#size;
  }

  /** Takes what fits and returns the rest. */
  add(chunk: Uint8Array): Uint8Array {
    const taken = Math.min(chunk.byteLength, this.#size - this.#filled);
    this.#makeRoom(this.#filled + taken);
    this.#bytes.set(chunk.subarray(0, taken), this.#filled);
    this.#filled += taken;
    return chunk.subarray(taken);
  }

  /** What is collected so far. */
  peek(): Buffer {
    return this.#bytes.subarray(0, this.#filled);
  }

  /** Gives the block away and begins the next one, which is expected to be full as well. */
  take(): Buffer {
    const block = this.peek();
    this.#bytes = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#size);
    this.#filled = 0;
    return block;
  }

  /** Takes the memory of a block back that nobody reads any more. */
  giveBack(block: Buffer): void {
    if (block.buffer.byteLength === this.#size) this.#spare.push(Buffer.from(block.buffer));
  }

  // Most contents are small: only one that fills its first block is given the memory of a whole one.
  #makeRoom(needed: number): void {
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#size, Math.max(needed, 2 * this.#bytes.length)));
    this.#bytes.copy(larger, 0, 0, this.#filled);
    this.#bytes = larger;
  }
}

/** The bytes of one chunk of a source; anything but bytes throws a TypeError. */
export function toBytes(chunk: unknown, encoding: BufferEncoding | null): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding ?? 'utf8');
  throw new TypeError('A blob is written from a stream of bytes.');
}

/** What a request carries: small contents as they are, larger ones piece by piece, so that their progress can be seen. */
export function bodyOf(block: Buffer): Buffer | (() => NodeJS.ReadableStream) {
  if (block.length <= PIECE_BYTES) return block;
  return () => Readable.from(piecesOf(block), { objectMode: false });
}

function* piecesOf(block: Buffer): Generator<Buffer> {
  for (let at = 0; at < block.length; at += PIECE_BYTES) yield block.subarray(at, at + PIECE_BYTES);
}
