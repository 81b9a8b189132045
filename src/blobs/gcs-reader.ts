import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { GcsSilence } from './gcs-errors.ts';
import { storageFailure } from './storage-failure.ts';

/**
 * The bytes of a download, never silently short. It fails with STORAGE_UNAVAILABLE when the connection breaks, or stays
 * silent for too long while somebody wants to read; how slowly they read does not matter.
 */
export class GcsReader extends Readable {
  readonly #response: IncomingMessage;
  readonly #timeoutMs: number;
  #left: number;
  #timer: NodeJS.Timeout | undefined;
  #wanted = false;
  #done = false;
  #failure: Error | undefined;

  constructor(response: IncomingMessage, length: number, timeoutMs: number) {
    super({ highWaterMark: 256 * 1024 });
    this.#response = response;
    this.#left = length;
    this.#timeoutMs = timeoutMs;
    response.pause();
    response
      .on('data', (chunk: Buffer) => this.#take(chunk))
      .once('end', () => this.#end())
      .on('error', (error) => this.#fail(error))
      .once('close', () => this.#fail(new Error('The connection was closed.')));
  }

  override _read(): void {
    this.#wanted = true;
    if (this.#failure) {
      this.destroy(this.#failure);
      return;
    }
    this.#timer ??= setTimeout(() => this.#fail(new GcsSilence('No bytes came in time.')), this.#timeoutMs);
    this.#timer.refresh();
    this.#response.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    if (!this.#done) this.#response.destroy();
    callback(error);
  }

  #take(chunk: Buffer): void {
    this.#left -= chunk.length;
    this.#timer?.refresh();
    if (this.push(chunk)) return;
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#response.pause();
  }

  #end(): void {
    clearTimeout(this.#timer);
    if (this.#left !== 0) this.#fail(new Error('The answer has another length than it said.'));
    this.#done = true;
    if (this.#left === 0) this.push(null);
  }

  /** Fails at once, or when somebody wants to read: nobody may be listening yet. */
  #fail(cause: Error): void {
    if (this.#done || this.#failure || this.destroyed) return;
    this.#failure = storageFailure('unreachable', cause);
    if (this.#wanted) this.destroy(this.#failure);
  }
}

/** The bytes of the whole object that an answer tells of; throws if it does not. */
export function sizeOf({ headers, statusCode }: IncomingMessage): number {
  const told =
    statusCode === 206
      ? /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1]
      : (headers['x-goog-stored-content-length'] ?? headers['content-length']);
  if (typeof told === 'string' && /^\d+$/.test(told)) return Number(told);
  throw new Error('Google Cloud Storage did not say how large the object is.');
}

/** Throws unless the answer gives just this part of the object. */
export function requirePart(
  { headers, statusCode }: IncomingMessage,
  start: number,
  end: number,
  size: number,
): void {
  const given = statusCode === 206 ? headers['content-range'] : `bytes 0-${size - 1}/${size}`;
  if (given === `bytes ${start}-${end}/${size}`) return;
  throw new Error(`Google Cloud Storage gave ${given} instead of the bytes from ${start} to ${end}.`);
}
