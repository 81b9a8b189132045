import { Readable } from 'node:stream';
import { hasCode } from '../errors.ts';
import { backOff } from './azure-calls.ts';
import { isRemnant, type Target } from './azure-objects.ts';
import type { ByteRange, OpenBlob } from './blob-store.ts';
import { cutRange } from './cut-range.ts';
import { noSuchBlob, storageFailure, unavailable } from './storage-failure.ts';

const MOST_FAILURES = 3;

/** The body of one answer. */
export interface Body {
  readonly stream: Readable;
  /** Ends the connection that brings it. */
  stop(): void;
}

/** Asks for the last so many of the bytes that a reader is to give. */
export type Ask = (left: number, signal: AbortSignal) => Promise<Body>;

/** The bytes of an object, or of a range of it; it goes on after a broken connection, and is never silently short. */
export class AzureReader extends Readable {
  readonly #ask: Ask;
  readonly #timeoutMs: number;
  readonly #ending = new AbortController();
  #left: number;
  #body: Body | undefined;
  #failures = 0;
  #isWanted = false;
  #silence: NodeJS.Timeout | undefined;

  constructor(body: Body, left: number, ask: Ask, timeoutMs: number) {
    super();
    this.#left = left;
    this.#ask = ask;
    this.#timeoutMs = timeoutMs;
    this.#take(body);
  }

  override _read(): void {
    this.#isWanted = true;
    this.#resume();
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
      if (this.#left > 0) failed(new Error('The answer ended early.'));
      else if (this.#body === body) this.#end();
    });
    stream.on('error', failed);
    stream.on('close', () => failed(new Error('The answer was cut off.')));
    if (this.#isWanted) this.#resume();
  }

  #resume(): void {
    if (!this.#body) return;
    this.#silence ??= setTimeout(() => {
      const cause = new Error(`No byte came within ${this.#timeoutMs} ms.`);
      this.destroy(storageFailure('unreachable', cause));
    }, this.#timeoutMs);
    this.#body.stream.resume();
  }

  #give(chunk: Buffer): void {
    this.#left -= chunk.length;
    if (this.#left < 0) {
      this.destroy(unavailable(new Error('More came than was asked for.')));
      return;
    }
    this.#failures = 0;
    this.#silence?.refresh();
    if (this.push(chunk)) return;
    // A slow reader is no silence of the service.
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
    this.#failures += 1;
    if (this.#failures > MOST_FAILURES) {
      this.destroy(storageFailure('unreachable', error));
      return;
    }
    const { signal } = this.#ending;
    backOff(this.#failures, signal)
      .then(() => this.#ask(this.#left, signal))
      .then(
        (body) => (this.destroyed ? body.stop() : this.#take(body)),
        // The blob was there: that it no longer is does not mean that it never was.
        (failure) => this.destroy(hasCode(failure, 'STORAGE_UNAVAILABLE') ? failure : unavailable(failure)),
      );
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

/** Opens what lies under the key, as a store does. */
export async function openAzureBlob(target: Target, range?: ByteRange): Promise<OpenBlob> {
  // Whether it lies inside is seen when the size is known; what is no range at all is not asked for.
  const wanted = range
    ? cutRange(range, Number.MAX_SAFE_INTEGER)
    : { start: 0, end: Number.MAX_SAFE_INTEGER - 1 };
  const first = await request(target, wanted);
  try {
    if (isRemnant(first.metadata)) throw noSuchBlob(undefined);
    const { start, end } = range ? cutRange(range, first.size) : { start: 0, end: first.size - 1 };
    const ask: Ask = (left, signal) =>
      request(target, { start: end + 1 - left, end }, { ifMatch: first.etag, signal });
    const stream = new AzureReader(first, end - start + 1, ask, target.sending.timeoutMs);
    return { size: first.size, stream };
  } catch (error) {
    first.stop();
    throw error;
  }
}

async function request(
  { blob, sending }: Target,
  { start, end }: ByteRange,
  { ifMatch, signal }: { ifMatch?: string; signal?: AbortSignal } = {},
) {
  const count = end < Number.MAX_SAFE_INTEGER - 1 ? end - start + 1 : undefined;
  return sending.make(async (attempt) => {
    const answer = await blob.download(start, count, {
      abortSignal: attempt.signal,
      conditions: ifMatch ? { ifMatch } : {},
      maxRetryRequests: 0,
    });
    const { contentRange, contentLength = 0, etag = '', metadata, readableStreamBody } = answer;
    if (!(readableStreamBody instanceof Readable)) throw new Error('The answer has no body.');
    // An error may come before anybody reads.
    readableStreamBody.on('error', () => undefined).once('close', attempt.keepSlot());
    const size = contentRange ? Number(contentRange.slice(contentRange.lastIndexOf('/') + 1)) : contentLength;
    return { size, etag, metadata, stream: readableStreamBody, stop: attempt.stop };
  }, signal);
}
