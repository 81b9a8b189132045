import { randomUUID } from 'node:crypto';
import { finished, type Readable } from 'node:stream';
import type { CompletedPart } from '@aws-sdk/client-s3';
import { AppError, hasCode } from '../errors.ts';
import type { Bucket, Encryption } from './s3-bucket.ts';
import { hadNoEffect } from './s3-errors.ts';
import { type Part, PartCutter } from './s3-parts.ts';
import { abortUpload, abortUploadsOf } from './s3-uploads.ts';
import { blobExists } from './storage-failure.ts';

/** How one object is written. */
export interface Writing {
  readonly bucket: Bucket;
  readonly key: string;
  readonly encryption: Encryption;
  readonly partSize: number;
  readonly partsInFlight: number;
}

/**
 * Writes the whole source as one new object and resolves with the number of bytes. Rejects with the source's own error,
 * the signal's reason or the failure of the service; then the source is destroyed and what was written is removed.
 */
export async function writeObject(writing: Writing, source: Readable, signal?: AbortSignal): Promise<number> {
  const writer = new ObjectWriter(writing, source);
  const abort = () => writer.fail(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  // It leaves its error listener behind, so that a source that fails once more while it is destroyed harms nobody.
  finished(source, { writable: false }, (error) => error && writer.fail(error));
  try {
    // A source read to its end before looks like an empty one, and would be kept as an empty blob.
    if (source.readableEnded) throw new Error('The source was already read to its end.');
    return await writer.write();
  } catch (error) {
    throw await writer.undo(error);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

// By this a writer knows its own object again when the answer was lost.
const WRITER = 'writer';

/** One object that is being written: at once where it fits into one part, else as a multipart upload. */
class ObjectWriter {
  readonly #writing: Writing;
  readonly #source: Readable;
  readonly #object;
  readonly #ending = new AbortController();
  readonly #cutter: PartCutter;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #sent: CompletedPart[] = [];
  #failure: { error: unknown } | undefined;
  #uploadId: string | undefined;
  #mayHaveStrays = false;
  #mayBeThere = false;

  constructor(writing: Writing, source: Readable) {
    this.#writing = writing;
    this.#source = source;
    this.#object = { Key: writing.key, Metadata: { [WRITER]: randomUUID() }, ...writing.encryption };
    this.#cutter = new PartCutter(writing.partSize);
  }

  /** Ends the writing, with the first reason that is told. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#ending.abort();
    // It may have stalled, and then nothing else would end the waiting for its bytes.
    this.#source.destroy();
  }

  /** Writes the source whole; the caller calls `undo` if it rejects. */
  async write(): Promise<number> {
    // For servers that ignore the condition of a put; and nobody need send what cannot be kept.
    const looking = this.#requireAbsence();
    looking.catch((error) => this.fail(error));
    let size = 0;
    for await (const part of this.#cutter.cut(this.#source)) {
      await looking;
      this.#ending.signal.throwIfAborted();
      size += part.bytes.byteLength;
      if (part.number === 1 && part.isLast) await this.#putWhole(part);
      else await this.#putPart(part);
    }
    if (this.#uploadId) await this.#complete(this.#uploadId);
    this.#ending.signal.throwIfAborted();
    return size;
  }

  /** Removes what was written and resolves with the reason; what cannot be removed now is left to a sweep. */
  async undo(error: unknown): Promise<unknown> {
    this.fail(error);
    const { bucket, key } = this.#writing;
    await Promise.all(this.#inFlight);
    await Promise.allSettled([
      this.#mayBeThere && this.#isOurs().then((ours) => (ours ? bucket.delete(key) : undefined)),
      this.#uploadId && abortUpload(bucket, key, this.#uploadId),
      this.#mayHaveStrays && abortUploadsOf(bucket, key),
    ]);
    return this.#failure?.error;
  }

  async #putWhole({ bytes }: Part): Promise<void> {
    await this.#commit((signal) => this.#writing.bucket.put(this.#object, bytes, signal));
  }

  async #putPart(part: Part): Promise<void> {
    const { bucket, key, partsInFlight } = this.#writing;
    this.#uploadId ??= await this.#create();
    while (this.#inFlight.size >= partsInFlight) await Promise.race(this.#inFlight);
    this.#ending.signal.throwIfAborted();
    const sending = bucket.putPart(key, this.#uploadId, part, this.#ending.signal).then(
      (sent) => {
        this.#sent.push(sent);
        this.#cutter.reuse(part);
        this.#inFlight.delete(sending);
      },
      (error) => {
        this.fail(error);
        this.#inFlight.delete(sending);
      },
    );
    this.#inFlight.add(sending);
  }

  /** Not to be ended by a signal: only its answer tells what there is to be removed. */
  async #create(): Promise<string> {
    this.#mayHaveStrays = true;
    const { uploadId, isOnlyOne } = await this.#writing.bucket.createUpload(this.#object);
    this.#mayHaveStrays = !isOnlyOne;
    return uploadId;
  }

  async #complete(uploadId: string): Promise<void> {
    const { bucket, key } = this.#writing;
    await Promise.all(this.#inFlight);
    this.#ending.signal.throwIfAborted();
    const parts = this.#sent.toSorted((one, other) => Number(one.PartNumber) - Number(other.PartNumber));
    await this.#commit((signal) => bucket.completeUpload(key, uploadId, parts, signal));
    if (this.#mayHaveStrays) await abortUploadsOf(bucket, key).catch(() => undefined);
  }

  /** Makes the object appear; an answer that was lost, or one to a repeated request, does not tell whether it did. */
  async #commit(send: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#mayBeThere = true;
    const patience = this.#patience();
    try {
      await send(patience.signal);
    } catch (error) {
      if (error instanceof AppError && hadNoEffect(error)) this.#mayBeThere = false;
      if (this.#failure || !this.#mayBeThere || !(await this.#isOurs().catch(() => false))) throw error;
    } finally {
      patience.end();
    }
  }

  /** What was sent whole may take effect even if the connection is cut, so that its answer is waited for, for a while. */
  #patience() {
    const { timeoutMs } = this.#writing.bucket;
    const ending = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const start = () => {
      timer = setTimeout(() => ending.abort(), timeoutMs);
    };
    this.#ending.signal.addEventListener('abort', start, { once: true });
    const end = () => {
      clearTimeout(timer);
      this.#ending.signal.removeEventListener('abort', start);
    };
    return { signal: ending.signal, end };
  }

  async #requireAbsence(): Promise<void> {
    if (await this.#head(this.#ending.signal)) throw blobExists(undefined);
  }

  async #isOurs(): Promise<boolean> {
    return (await this.#head())?.Metadata?.[WRITER] === this.#object.Metadata[WRITER];
  }

  async #head(signal?: AbortSignal) {
    const { bucket, key } = this.#writing;
    return bucket.head(key, signal).catch((error) => {
      if (hasCode(error, 'NOT_FOUND')) return undefined;
      throw error;
    });
  }
}
