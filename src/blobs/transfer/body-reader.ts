import { Readable } from 'node:stream';
import { hasCode } from '../../errors.ts';
import { storageFailure, unavailable } from '../storage-failure.ts';
import { backOff } from './back-off.ts';

const AHEAD = 256 * 1024;
const MOST_FAILURES = 3;

/** The body of one answer. */
export interface Body {
  readonly stream: Readable;
  /** Ends the connection that brings it. */
  stop(): void;
}

/** Asks for the last so many of the bytes that a reader is to give. */
export type Ask = (left: number, signal: AbortSignal) => Promise<Body>;

/** What a reader is to give. */
export interface Reading {
  /** How many bytes. */
  readonly length: number;
  /** How long the backend may be silent while somebody wants to read. */
  readonly timeoutMs: number;
  /** How it goes on after a broken connection; without it, it fails then. */
  readonly ask?: Ask;
}

/**
 * The bytes of an answer, never silently short. It fails with STORAGE_UNAVAILABLE when the backend breaks off, or is
 * silent for too long; how slowly the bytes are read does not matter.
 */
export class BodyReader extends Readable {
  readonly #reading: Reading;
  readonly #ending = new AbortController();
  #left: number;
  #body: Body | undefined;
  #failures = 0;
  #failure: Error | undefined;
  #isWanted = false;
  #silence: NodeJS.Timeout | undefined;

  constructor(body: Body, reading: Reading) {
    super({ highWaterMark: AHEAD });
    this.#reading = reading;
    this.#left = reading.length;
    this.#take(body);
  }

  override _read(): void {
    this.#isWanted = true;
    if (this.#failure) this.destroy(this.#failure);
    else this.#resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#ending.abort();
    this.#drop();
    callback(error);
  }

  #take(body: Body): void {
    this.#body = body;
    const { stream } = body;
    const failed = (error: unknown) => {
      if (this.#body === body) this.#goOn(error);
    };
    stream.pause();
    stream.on('data', (chunk: Buffer) => {
      if (this.#body === body) this.#give(chunk);
    });
    stream.on('end', () => {
      if (this.#left > 0) failed(new Error(`The answer ended ${this.#left} bytes early.`));
      else if (this.#body === body) this.#end();
    });
    stream.on('error', failed);
    stream.on('close', () => failed(new Error('The answer was cut off.')));
    if (stream.destroyed) failed(new Error('The answer was cut off at once.'));
    else if (this.#isWanted) this.#resume();
  }

  #resume(): void {
    if (!this.#body) return;
    const { timeoutMs } = this.#reading;
    this.#silence ??= setTimeout(() => {
      this.#fail(storageFailure('unreachable', new Error(`No byte came within ${timeoutMs} ms.`)));
    }, timeoutMs);
    this.#body.stream.resume();
  }

  #give(chunk: Buffer): void {
    this.#left -= chunk.length;
    if (this.#left < 0) {
      this.#fail(unavailable(new Error('More came than was asked for.')));
      return;
    }
    this.#failures = 0;
    this.#silence?.refresh();
    if (this.push(chunk)) return;
    // A slow reader is no silence of the backend.
    this.#isWanted = false;
    this.#stopWatch();
    this.#body?.stream.pause();
  }

  #end(): void {
    // The connection is free for others by now, and must not be cut.
    this.#body = undefined;
    this.#stopWatch();
    this.push(null);
  }

  #goOn(error: unknown): void {
    this.#drop();
    if (this.#left === 0) {
      this.push(null);
      return;
    }
    const { ask } = this.#reading;
    this.#failures += 1;
    if (!ask || this.#failures > MOST_FAILURES) {
      this.#fail(storageFailure('unreachable', error));
      return;
    }
    const { signal } = this.#ending;
    backOff(this.#failures, signal)
      .then(() => ask(this.#left, signal))
      .then(
        (body) => (this.destroyed ? body.stop() : this.#take(body)),
        // The blob was there: that it no longer is does not mean that it never was.
        (failure) => this.#fail(hasCode(failure, 'STORAGE_UNAVAILABLE') ? failure : unavailable(failure)),
      );
  }

  /** Fails at once, or when somebody wants to read: nobody may be listening yet. */
  #fail(failure: Error): void {
    this.#drop();
    this.#failure = failure;
    if (this.#isWanted) this.destroy(failure);
  }

  #drop(): void {
    const body = this.#body;
    this.#body = undefined;
    this.#stopWatch();
    body?.stop();
  }

  #stopWatch(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }
}
