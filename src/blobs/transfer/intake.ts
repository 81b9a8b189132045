import { finished, type Readable } from 'node:stream';
import { partsHeld } from './part-size.ts';
import { toBytes } from './source-bytes.ts';

/** A piece of a source: all are of one size but the last, which may be empty where it is the only one. */
export interface Part {
  /** The first is 1. */
  readonly number: number;
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

/** How a source is taken in. */
export interface IntakeOptions {
  readonly partSize: number;
  /** How many parts may be on their way at once. */
  readonly partsInFlight: number;
  readonly signal: AbortSignal | undefined;
}

/** What stores the parts of an intake. */
export interface Storing {
  /** Resolves when all parts are stored for good. */
  store(): Promise<void>;
  /** Removes what was stored, when the intake has stopped and no part is on its way; never rejects. */
  undo(): Promise<void>;
}

const FIRST_BYTES = 64 * 1024;
const SMALL_BYTES = 1024 * 1024;

/** Every intake of the process that is under way: they share its memory. */
const running = new Set<Intake>();

/** A source that is taken in part by part, in a memory that is bounded however large or small its chunks are. */
export class Intake {
  /** The bytes that came so far. */
  total = 0;
  readonly #source: Readable;
  readonly #options: IntakeOptions;
  readonly #spare: Buffer[] = [];
  readonly #onTheirWay = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(source: Readable, options: IntakeOptions) {
    this.#source = source;
    this.#options = options;
    options.signal?.addEventListener('abort', this.#abort, { once: true });
    // It leaves its error listener behind, so that a source that fails once more while it is destroyed harms nobody.
    finished(source, { writable: false }, (error) => {
      if (error) this.stop(error);
    });
  }

  /** Aborted by the source’s failure, the caller’s signal or `stop`: by the first, which is its reason. */
  get stopped(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Ends the intake and destroys the source. */
  stop(reason: unknown): void {
    this.#stopping.abort(reason);
    // It may have stalled, and then nothing else would end the waiting for its bytes.
    this.#source.destroy();
  }

  /**
   * The parts of the source, each as soon as it is known whether it is the last, and shown to `seen` before in smaller
   * pieces. While some are on their way, for which they are given to `send`, the next is filled.
   */
  async *parts(seen?: (bytes: Uint8Array) => void): AsyncGenerator<Part> {
    try {
      yield* this.#cut(seen);
    } catch (error) {
      // That the source failed may be known here first.
      this.stop(error);
      throw error;
    }
  }

  /** Lets a part go its way: its memory is taken back when `sending` is done; the intake stops if that fails. */
  send(part: Part, sending: Promise<unknown>): void {
    const sent = sending
      .then(
        () => this.#takeBack(part),
        (error) => this.stop(error),
      )
      .then(() => {
        this.#onTheirWay.delete(sent);
      });
    this.#onTheirWay.add(sent);
  }

  /** Resolves when no part is on its way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#onTheirWay);
  }

  /** Listens to the caller’s signal no more. */
  close(): void {
    this.#options.signal?.removeEventListener('abort', this.#abort);
  }

  async *#cut(seen?: (bytes: Uint8Array) => void): AsyncGenerator<Part> {
    const { partSize } = this.#options;
    let number = 1;
    // Most blobs are small.
    let bytes: Buffer = Buffer.allocUnsafeSlow(Math.min(FIRST_BYTES, partSize));
    let filled = 0;
    for await (const chunk of this.#source) {
      let rest = toBytes(chunk, this.#source.readableEncoding);
      this.total += rest.byteLength;
      seen?.(rest);
      while (rest.byteLength > 0) {
        if (filled === partSize) {
          yield await this.#give({ number, bytes, isLast: false });
          number += 1;
          bytes = await this.#memory();
          filled = 0;
        }
        if (filled === bytes.byteLength) bytes = this.#grown(bytes);
        const taken = rest.subarray(0, bytes.byteLength - filled);
        bytes.set(taken, filled);
        filled += taken.byteLength;
        rest = rest.subarray(taken.byteLength);
      }
    }
    yield await this.#give({ number, bytes: bytes.subarray(0, filled), isLast: true });
  }

  async #give(part: Part): Promise<Part> {
    await this.#fewer(() => Math.max(1, Math.min(this.#options.partsInFlight, this.#held() - 1)));
    return part;
  }

  async #memory(): Promise<Buffer> {
    await this.#fewer(() => this.#held());
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#options.partSize);
  }

  /** Waits until fewer parts than this are on their way. */
  async #fewer(than: () => number): Promise<void> {
    while (this.#onTheirWay.size >= than()) await Promise.race(this.#onTheirWay);
    this.stopped.throwIfAborted();
  }

  #takeBack({ bytes, isLast }: Part): void {
    const others = this.#onTheirWay.size - 1;
    // Another put may have come since, and then each has a smaller share.
    if (!isLast && others + this.#spare.length < this.#held()) this.#spare.push(bytes);
  }

  #held(): number {
    const { partSize, partsInFlight } = this.#options;
    return partsHeld(partSize, partsInFlight, running.size);
  }

  #grown(bytes: Buffer): Buffer {
    const { partSize } = this.#options;
    // What is no longer small is moved once only: it lies in memory twice meanwhile.
    const size = bytes.byteLength < SMALL_BYTES ? Math.min(bytes.byteLength * 2, partSize) : partSize;
    const larger = Buffer.allocUnsafeSlow(size);
    larger.set(bytes);
    return larger;
  }

  readonly #abort = () => this.stop(this.#options.signal?.reason);
}

/**
 * Takes in a source and stores it; resolves with its bytes. Rejects with the reason for which the intake stopped first,
 * when the source is destroyed and what was stored is undone.
 */
export async function takeIn(
  source: Readable,
  options: IntakeOptions,
  storingOf: (intake: Intake) => Storing,
): Promise<number> {
  const intake = new Intake(source, options);
  running.add(intake);
  const storing = storingOf(intake);
  try {
    await storing.store();
    intake.stopped.throwIfAborted();
    return intake.total;
  } catch (error) {
    intake.stop(error);
    await intake.settled();
    await storing.undo();
    throw intake.stopped.reason;
  } finally {
    running.delete(intake);
    intake.close();
  }
}
