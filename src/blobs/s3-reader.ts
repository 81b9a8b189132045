import { Readable } from 'node:stream';
import { s3Failure } from './s3-errors.ts';
import { storageFailure, unavailable } from './storage-failure.ts';

interface ReaderOptions {
  /** How many bytes must come. */
  readonly length: number;
  readonly timeoutMs: number;
  /** Called once, when nothing of the backend is held any more. */
  readonly release: () => void;
}

const AHEAD = 256 * 1024;

/** The bytes of an answer as they are asked for; never silently short, and silent for no longer than the time-out. */
export class BodyReader extends Readable {
  readonly #body: Readable;
  readonly #options: ReaderOptions;
  #left: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(body: Readable, options: ReaderOptions) {
    super({ highWaterMark: AHEAD });
    this.#body = body;
    this.#options = options;
    this.#left = options.length;
    body.on('data', (chunk: Buffer) => this.#take(chunk));
    body.on('end', () => this.#end());
    body.on('error', (error) => this.destroy(s3Failure(error)));
    body.on('close', () => this.#end());
    body.pause();
  }

  override _read(): void {
    // Only while bytes are asked for: that the reader takes its time is no fault of the backend.
    this.#timer ??= setTimeout(() => this.#giveUp(), this.#options.timeoutMs);
    this.#body.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#body.destroy();
    this.#options.release();
    callback(error);
  }

  #take(chunk: Buffer): void {
    this.#left -= chunk.length;
    if (this.#left < 0) {
      this.destroy(unavailable(new Error('More bytes came than were told.')));
      return;
    }
    if (this.push(chunk)) {
      this.#timer?.refresh();
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#body.pause();
  }

  #end(): void {
    if (this.destroyed || this.readableEnded) return;
    clearTimeout(this.#timer);
    if (this.#left === 0) this.push(null);
    else this.destroy(storageFailure('unreachable', new Error(`${this.#left} bytes did not come.`)));
  }

  #giveUp(): void {
    const cause = new Error(`No byte came within ${this.#options.timeoutMs} ms.`);
    this.destroy(storageFailure('unreachable', cause));
  }
}
