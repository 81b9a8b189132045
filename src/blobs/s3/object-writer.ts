import { randomUUID } from 'node:crypto';
import type { CompletedPart } from '@aws-sdk/client-s3';
import { AppError, hasCode } from '../../errors.ts';
import { blobExists } from '../storage-failure.ts';
import type { Intake, Part, Storing } from '../transfer/intake.ts';
import type { NewObject, S3Bucket } from './bucket.ts';
import { hadNoEffect } from './errors.ts';
import { abortUpload, abortUploadsOf } from './unfinished-uploads.ts';

// By this a writer knows its own object again when the answer was lost.
const WRITER = 'writer';

/** The metadata of an object that one writer alone makes. */
export const markOf = () => ({ [WRITER]: randomUUID() });

/** Writes one new object: at once where it fits into one part, else as a multipart upload. */
export class ObjectWriter implements Storing {
  readonly #bucket: S3Bucket;
  readonly #object: NewObject;
  readonly #intake: Intake;
  readonly #sent: CompletedPart[] = [];
  #uploadId: string | undefined;
  #mayHaveStrays = false;
  #mayBeThere = false;

  constructor(bucket: S3Bucket, object: NewObject, intake: Intake) {
    this.#bucket = bucket;
    this.#object = object;
    this.#intake = intake;
  }

  async store(): Promise<void> {
    // For servers that ignore the condition of a put; and nobody need send what cannot be kept.
    const looking = this.#requireAbsence();
    looking.catch((error) => this.#intake.stop(error));
    for await (const part of this.#intake.parts()) {
      await looking;
      if (part.number === 1 && part.isLast) await this.#putWhole(part);
      else await this.#putPart(part);
    }
    if (this.#uploadId) await this.#complete(this.#uploadId);
  }

  /** What cannot be removed now is left to a sweep. */
  async undo(): Promise<void> {
    const { Key } = this.#object;
    await Promise.allSettled([
      this.#mayBeThere && this.#isOurs().then((ours) => (ours ? this.#bucket.delete(Key) : undefined)),
      this.#uploadId && abortUpload(this.#bucket, Key, this.#uploadId),
      this.#mayHaveStrays && abortUploadsOf(this.#bucket, Key),
    ]);
  }

  async #putWhole({ bytes }: Part): Promise<void> {
    await this.#commit((signal) => this.#bucket.put(this.#object, bytes, signal));
  }

  async #putPart(part: Part): Promise<void> {
    const { stopped } = this.#intake;
    this.#uploadId ??= await this.#create();
    stopped.throwIfAborted();
    const putting = this.#bucket.putPart(this.#object.Key, this.#uploadId, part, stopped);
    this.#intake.send(
      part,
      putting.then((sent) => this.#sent.push(sent)),
    );
  }

  /** Not to be ended by a signal: only its answer tells what there is to be removed. */
  async #create(): Promise<string> {
    this.#mayHaveStrays = true;
    const { uploadId, isOnlyOne } = await this.#bucket.createUpload(this.#object);
    this.#mayHaveStrays = !isOnlyOne;
    return uploadId;
  }

  async #complete(uploadId: string): Promise<void> {
    const { Key } = this.#object;
    await this.#intake.settled();
    this.#intake.stopped.throwIfAborted();
    const parts = this.#sent.toSorted((one, other) => Number(one.PartNumber) - Number(other.PartNumber));
    await this.#commit((signal) => this.#bucket.completeUpload(Key, uploadId, parts, signal));
    if (this.#mayHaveStrays) await abortUploadsOf(this.#bucket, Key).catch(() => undefined);
  }

  /** Makes the object appear; an answer that was lost, or one to a repeated request, does not tell whether it did. */
  async #commit(send: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#mayBeThere = true;
    const patience = this.#patience();
    try {
      await send(patience.signal);
    } catch (error) {
      if (error instanceof AppError && hadNoEffect(error)) this.#mayBeThere = false;
      const isFutile = this.#intake.stopped.aborted || !this.#mayBeThere;
      if (isFutile || !(await this.#isOurs().catch(() => false))) throw error;
    } finally {
      patience.end();
    }
  }

  /** What was sent whole may take effect even if the connection is cut, so that its answer is waited for, for a while. */
  #patience() {
    const { timeoutMs } = this.#bucket;
    const { stopped } = this.#intake;
    const ending = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const start = () => {
      timer = setTimeout(() => ending.abort(), timeoutMs);
    };
    stopped.addEventListener('abort', start, { once: true });
    const end = () => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', start);
    };
    return { signal: ending.signal, end };
  }

  async #requireAbsence(): Promise<void> {
    if (await this.#head(this.#intake.stopped)) throw blobExists(undefined);
  }

  async #isOurs(): Promise<boolean> {
    return (await this.#head())?.Metadata?.[WRITER] === this.#object.Metadata[WRITER];
  }

  async #head(signal?: AbortSignal) {
    return this.#bucket.head(this.#object.Key, signal).catch((error) => {
      if (hasCode(error, 'NOT_FOUND')) return undefined;
      throw error;
    });
  }
}
