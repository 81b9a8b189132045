import { createHash, type Hash } from 'node:crypto';
import { finished, type Readable } from 'node:stream';

/** The protocol’s unit: every chunk of an upload but the last is a multiple of it. */
export const QUANTUM = 256 * 1024;
// What one put may hold, well within the 64 MiB of the contract.
const MEMORY = 48 * 1024 * 1024;

/** A piece of a content. */
export interface Chunk {
  readonly pieces: readonly Uint8Array[];
  readonly size: number;
  readonly last: boolean;
}

function toBytes(chunk: unknown, encoding: BufferEncoding | null): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding ?? 'utf8');
  throw new TypeError('A blob is written from a stream of bytes.');
}

/**
 * Cuts a source into chunks of one size. While one chunk is being sent the next is filled, in memory that is bounded
 * however small or large the source’s own chunks are, because all are copied.
 */
export class Intake {
  readonly #source: Readable;
  readonly #signal: AbortSignal | undefined;
  readonly #chunkSize: number;
  readonly #stop = new AbortController();
  readonly #hash: Hash = createHash('md5');
  #md5: string | undefined;
  readonly #full: Buffer[] = [];
  readonly #spare: Buffer[] = [];
  #filling: Buffer | undefined;
  #filled = 0;
  #waiting: Uint8Array[] = [];
  #sending = 0;
  #ended = false;
  #wake = () => {};
  /** The bytes that the source gave. */
  total = 0;

  constructor(source: Readable, chunkSize: number, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
    this.#chunkSize = chunkSize;
    // A source read to its end before looks like an empty one, and would be kept as an empty blob.
    if (source.readableEnded) this.#fail(new Error('The source was already read to its end.'));
    signal?.addEventListener('abort', this.#abort, { once: true });
    // It leaves its error listener behind, so that a source that fails once more while it is destroyed harms nobody.
    finished(source, { writable: false }, (error) => {
      if (error) return this.#fail(error);
      this.#ended = true;
      this.#wake();
    });
    source.on('data', this.#take);
    source.resume();
  }

  /** Aborted, with the reason, once the source has failed or the caller’s signal came. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** The MD5 of everything, in base64; to be asked for after the last chunk. */
  get md5(): string {
    this.#md5 ??= this.#hash.digest('base64');
    return this.#md5;
  }

  /** Resolves with the next chunk; rejects with the reason why there will be none. The chunk before may be overwritten then. */
  async next(before?: Chunk): Promise<Chunk> {
    if (before) this.#release(before);
    this.#fill();
    while (!this.stopped.aborted && !this.#isReady()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.stopped.throwIfAborted();
    return this.#cut();
  }

  /** Listens no more; a source that has not ended is destroyed. */
  close(): void {
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#source.off('data', this.#take);
    this.#full.length = 0;
    this.#spare.length = 0;
    this.#waiting = [];
    this.#source.destroy();
  }

  get #held(): number {
    return this.#full.length * QUANTUM + this.#filled;
  }

  /** Only one byte more tells that a chunk is not the last. */
  #isReady(): boolean {
    return this.#held > this.#chunkSize || (this.#ended && this.#waiting.length === 0);
  }

  #cut(): Chunk {
    const last = this.#held <= this.#chunkSize;
    const pieces: Uint8Array[] = this.#full.splice(0, this.#chunkSize / QUANTUM);
    if (last && this.#filling) pieces.push(this.#filling.subarray(0, this.#filled));
    const size = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#sending = size;
    this.#fill();
    return { pieces, size, last };
  }

  #release({ pieces, last }: Chunk): void {
    this.#sending = 0;
    if (!last) this.#spare.push(...(pieces as Buffer[]));
  }

  readonly #take = (chunk: unknown) => {
    try {
      const bytes = toBytes(chunk, this.#source.readableEncoding);
      this.#hash.update(bytes);
      this.total += bytes.byteLength;
      if (bytes.byteLength > 0) this.#waiting.push(bytes);
      this.#fill();
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #abort = () => this.#fail(this.#signal?.reason);

  /** Copies what waits as far as memory allows, and lets the source go on when all of it fits. */
  #fill(): void {
    const most = Math.min(this.#chunkSize + QUANTUM, MEMORY - this.#sending);
    for (let bytes = this.#waiting.shift(); bytes; bytes = this.#waiting.shift()) {
      const taken = Math.min(bytes.byteLength, QUANTUM - this.#filled, most - this.#held);
      if (taken > 0) this.#copy(bytes.subarray(0, taken));
      if (taken < bytes.byteLength) this.#waiting.unshift(bytes.subarray(taken));
      if (taken === 0) break;
    }
    if (this.#waiting.length > 0) this.#source.pause();
    else if (!this.#ended && !this.stopped.aborted) this.#source.resume();
    if (this.#isReady()) this.#wake();
  }

  #copy(bytes: Uint8Array): void {
    this.#filling ??= this.#spare.pop() ?? Buffer.allocUnsafeSlow(QUANTUM);
    this.#filling.set(bytes, this.#filled);
    this.#filled += bytes.byteLength;
    if (this.#filled < QUANTUM) return;
    this.#full.push(this.#filling);
    this.#filling = undefined;
    this.#filled = 0;
  }

  #fail(error: unknown): void {
    this.#stop.abort(error);
    this.#wake();
  }
}
