import { randomBytes, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { backOff } from './gcs-connection.ts';
import { GcsRefusal, isTransient } from './gcs-errors.ts';
import { type Chunk, Intake } from './gcs-intake.ts';
import type { GcsObjects, ObjectResource } from './gcs-objects.ts';
import { blobExists } from './storage-failure.ts';

const ATTEMPTS = 3;
// Google’s answer to the cancelling of an upload.
const CANCELLED = 499;
const TYPE = 'application/octet-stream';

/** A failure that did not come from the backend: the source’s own error, or the reason of the caller’s signal. */
export class Interruption {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}

/**
 * Uploads a source as a new object, in one request where it fits into one chunk. Resolves with its bytes once they are
 * durable; rejects with an Interruption or the backend’s error, and nothing of it is left then.
 */
export async function upload(
  objects: GcsObjects,
  key: string,
  source: Readable,
  { chunkSize, signal }: { chunkSize: number; signal: AbortSignal | undefined },
): Promise<number> {
  const intake = new Intake(source, chunkSize, signal);
  const running = new Upload(objects, key, intake);
  try {
    const made = await running.run();
    intake.stopped.throwIfAborted();
    requireSame(made, intake);
    return intake.total;
  } catch (error) {
    const stopped = intake.stopped.aborted;
    intake.close();
    await running.undo();
    throw stopped ? new Interruption(intake.stopped.reason) : error;
  } finally {
    intake.close();
  }
}

/** Resolves when an upload could be begun; it is given up at once, so that no object comes of it. */
export async function probe(objects: GcsObjects, key: string): Promise<void> {
  const { headers } = await objects.upload('resumable', {
    headers: { 'content-type': 'application/json; charset=UTF-8' },
    body: [Buffer.from(JSON.stringify({ name: key }))],
  });
  const { location: url } = headers;
  if (url) await cancelled(objects, url);
}

/** Cancels an upload; whether it was still under way, so that no object can have come of it. Never rejects. */
async function cancelled(objects: GcsObjects, url: string): Promise<boolean> {
  try {
    await objects.session({ method: 'DELETE', url, attempts: 1 });
  } catch (error) {
    return error instanceof GcsRefusal && error.status === CANCELLED;
  }
  return false;
}

/** Throws when the server keeps other bytes than it was given. */
function requireSame({ size, md5Hash }: ObjectResource, intake: Intake): void {
  const same = Number(size) === intake.total && (md5Hash === undefined || md5Hash === intake.md5);
  if (!same) throw new Error('Google Cloud Storage kept other bytes than it was given.');
}

class Upload {
  readonly #objects: GcsObjects;
  readonly #key: string;
  readonly #intake: Intake;
  /** Lies with the object, so that nobody else’s of the same key is ever taken for this one. */
  readonly #mark = randomUUID();
  #session: string | undefined;
  #mayExist = false;

  constructor(objects: GcsObjects, key: string, intake: Intake) {
    this.#objects = objects;
    this.#key = key;
    this.#intake = intake;
  }

  async run(): Promise<ObjectResource> {
    let chunk = await this.#intake.next();
    try {
      if (chunk.last) return await this.#sendWhole(chunk);
      await this.#begin();
      let offset = 0;
      for (;;) {
        const made = await this.#send(chunk, offset);
        if (made) return made;
        offset += chunk.size;
        chunk = await this.#intake.next(chunk);
      }
    } catch (error) {
      if (error instanceof GcsRefusal && error.status === 412) return this.#explainConflict(error);
      throw error;
    }
  }

  /** Ends what the server still holds; never rejects. */
  async undo(): Promise<void> {
    try {
      if (this.#session && (await cancelled(this.#objects, this.#session))) return;
      if (!this.#mayExist) return;
      const own = await this.#own();
      if (own) await this.#objects.remove(this.#key, own.generation);
    } catch {
      // What failed before tells more.
    }
  }

  get #described() {
    return { name: this.#key, contentType: TYPE, metadata: { upload: this.#mark } };
  }

  async #sendWhole(chunk: Chunk): Promise<ObjectResource> {
    const boundary = randomBytes(16).toString('hex');
    const described = JSON.stringify({ ...this.#described, md5Hash: this.#intake.md5 });
    const part = (type: string) => `--${boundary}\r\ncontent-type: ${type}\r\n\r\n`;
    const head = `${part('application/json; charset=UTF-8')}${described}\r\n${part(TYPE)}`;
    this.#mayExist = true;
    const { text } = await this.#objects.upload('multipart', {
      headers: { 'content-type': `multipart/related; boundary=${boundary}` },
      body: [Buffer.from(head), ...chunk.pieces, Buffer.from(`\r\n--${boundary}--`)],
      contents: true,
      signal: this.#intake.stopped,
      settles: true,
    });
    return JSON.parse(text);
  }

  async #begin(): Promise<void> {
    const { headers } = await this.#objects.upload('resumable', {
      headers: { 'content-type': 'application/json; charset=UTF-8', 'x-upload-content-type': TYPE },
      body: [Buffer.from(JSON.stringify(this.#described))],
      signal: this.#intake.stopped,
      settles: true,
    });
    if (!headers.location) throw new Error('Google Cloud Storage began an upload without an address.');
    this.#session = headers.location;
  }

  /** Sends a chunk, as often as needed; resolves with the object if it was the last. */
  async #send(chunk: Chunk, offset: number): Promise<ObjectResource | undefined> {
    const end = offset + chunk.size;
    let at = offset;
    for (let tried = 1; tried <= ATTEMPTS; ) {
      const kept = await this.#attempt(chunk, offset, at, tried);
      if (typeof kept === 'object') return kept;
      if (kept === end && !chunk.last) return undefined;
      if (kept < offset || kept > end) {
        throw new Error('Google Cloud Storage lost what it had kept of an upload.');
      }
      if (kept <= at) tried += 1;
      at = kept;
    }
    throw new Error('Google Cloud Storage keeps nothing of what it is sent.');
  }

  /** Sends a chunk from one position on; after a failure that may pass it only asks how much of it arrived. */
  async #attempt(chunk: Chunk, offset: number, at: number, tried: number): Promise<ObjectResource | number> {
    const end = offset + chunk.size;
    const total = chunk.last ? String(end) : '*';
    const body = rest(chunk, at - offset);
    try {
      const range = body.length > 0 ? `${at}-${end - 1}` : '*';
      return await this.#put(body, `bytes ${range}/${total}`, chunk.last);
    } catch (error) {
      if (tried >= ATTEMPTS || this.#intake.stopped.aborted || !isTransient(error)) throw error;
      await backOff(tried, this.#intake.stopped);
      return this.#put([], `bytes */${total}`, chunk.last);
    }
  }

  /** One request of the session; resolves with the object, or with how many bytes the server keeps so far. */
  async #put(body: readonly Uint8Array[], range: string, last: boolean): Promise<ObjectResource | number> {
    this.#mayExist ||= last;
    const { status, headers, text } = await this.#objects.session({
      method: 'PUT',
      url: this.#session ?? '',
      headers: { 'content-range': range },
      body,
      contents: body.length > 0,
      signal: this.#intake.stopped,
      settles: last,
      attempts: body.length > 0 ? 1 : ATTEMPTS,
    });
    if (status === 308) return Number(/-(\d+)$/.exec(headers.range ?? '')?.[1] ?? -1) + 1;
    this.#session = undefined;
    return JSON.parse(text);
  }

  /** What is there may be ours, from an attempt whose answer was lost. */
  async #explainConflict(error: GcsRefusal): Promise<ObjectResource> {
    const own = await this.#own();
    if (own) return own;
    this.#mayExist = false;
    throw blobExists(error);
  }

  async #own(): Promise<ObjectResource | undefined> {
    try {
      const told = await this.#objects.tell(this.#key);
      return told.metadata?.upload === this.#mark ? told : undefined;
    } catch (error) {
      if (await this.#objects.isAbsence(error)) return undefined;
      throw error;
    }
  }
}

/** The pieces of a chunk without its first bytes. */
function rest({ pieces }: Chunk, skip: number): Uint8Array[] {
  let left = skip;
  return pieces.flatMap((piece) => {
    const kept = piece.subarray(Math.min(left, piece.byteLength));
    left -= piece.byteLength - kept.byteLength;
    return kept.byteLength > 0 ? [kept] : [];
  });
}
