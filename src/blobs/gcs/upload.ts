import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { blobExists } from '../storage-failure.ts';
import { backOff } from '../transfer/back-off.ts';
import type { Intake, Part, Storing } from '../transfer/intake.ts';
import { piecesOf } from '../transfer/pieces.ts';
import { GcsRefusal, isTransient, rethrow } from './errors.ts';
import type { GcsObjects, ObjectResource } from './objects.ts';

/** The protocol’s unit: every part of an upload but the last is a multiple of it. */
export const QUANTUM = 256 * 1024;

const ATTEMPTS = 3;
// Google’s answer to the cancelling of an upload.
const CANCELLED = 499;
const TYPE = 'application/octet-stream';

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

/** Writes one new object: by one request where it fits into one part, else by a session that takes part after part. */
export class Upload implements Storing {
  readonly #objects: GcsObjects;
  readonly #key: string;
  readonly #intake: Intake;
  /** Lies with the object, so that nobody else’s of the same key is ever taken for this one. */
  readonly #mark = randomUUID();
  readonly #hash = createHash('md5');
  #md5 = '';
  #session: string | undefined;
  #mayExist = false;

  constructor(objects: GcsObjects, key: string, intake: Intake) {
    this.#objects = objects;
    this.#key = key;
    this.#intake = intake;
  }

  async store(): Promise<void> {
    await this.#transfer()
      .catch((error) => this.#explain(error))
      .then((made) => this.#requireSame(made))
      .catch(rethrow);
  }

  /** Ends what the server still holds. */
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

  async #transfer(): Promise<ObjectResource | undefined> {
    let offset = 0;
    // One alone may be on its way, so that each is sent after the other.
    for await (const part of this.#intake.parts((bytes) => this.#hash.update(bytes))) {
      if (part.isLast) this.#md5 = this.#hash.digest('base64');
      if (part.isLast && part.number === 1) return await this.#sendWhole(part);
      if (part.number === 1) await this.#begin();
      const sending = this.#send(part, offset);
      if (part.isLast) return await sending;
      this.#intake.send(part, sending.catch(rethrow));
      offset += part.bytes.byteLength;
    }
    return undefined;
  }

  get #described() {
    return { name: this.#key, contentType: TYPE, metadata: { upload: this.#mark } };
  }

  async #sendWhole({ bytes }: Part): Promise<ObjectResource> {
    const boundary = randomBytes(16).toString('hex');
    const described = JSON.stringify({ ...this.#described, md5Hash: this.#md5 });
    const part = (type: string) => `--${boundary}\r\ncontent-type: ${type}\r\n\r\n`;
    const head = `${part('application/json; charset=UTF-8')}${described}\r\n${part(TYPE)}`;
    this.#mayExist = true;
    const { text } = await this.#objects.upload('multipart', {
      headers: { 'content-type': `multipart/related; boundary=${boundary}` },
      body: [Buffer.from(head), ...piecesOf(bytes), Buffer.from(`\r\n--${boundary}--`)],
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

  /** Sends a part, as often as needed; resolves with the object if it was the last. */
  async #send(part: Part, offset: number): Promise<ObjectResource | undefined> {
    const end = offset + part.bytes.byteLength;
    let at = offset;
    for (let tried = 1; tried <= ATTEMPTS; ) {
      const kept = await this.#attempt(part, offset, at, tried);
      if (typeof kept === 'object') return kept;
      if (kept === end && !part.isLast) return undefined;
      if (kept < offset || kept > end) {
        throw new Error('Google Cloud Storage lost what it had kept of an upload.');
      }
      if (kept <= at) tried += 1;
      at = kept;
    }
    throw new Error('Google Cloud Storage keeps nothing of what it is sent.');
  }

  /** Sends a part from one position on; after a failure that may pass it only asks how much of it arrived. */
  async #attempt(part: Part, offset: number, at: number, tried: number): Promise<ObjectResource | number> {
    const { bytes, isLast } = part;
    const end = offset + bytes.byteLength;
    const total = isLast ? String(end) : '*';
    const body = piecesOf(bytes.subarray(at - offset));
    try {
      const range = body.length > 0 ? `${at}-${end - 1}` : '*';
      return await this.#put(body, `bytes ${range}/${total}`, isLast);
    } catch (error) {
      if (tried >= ATTEMPTS || this.#intake.stopped.aborted || !isTransient(error)) throw error;
      await backOff(tried, this.#intake.stopped);
      return this.#put([], `bytes */${total}`, isLast);
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
  async #explain(error: unknown): Promise<ObjectResource> {
    if (!(error instanceof GcsRefusal && error.status === 412)) throw error;
    const own = await this.#own();
    if (own) return own;
    this.#mayExist = false;
    throw blobExists(error);
  }

  /** Throws when the server keeps other bytes than it was given. */
  #requireSame(made: ObjectResource | undefined): void {
    const { size, md5Hash = this.#md5 } = made ?? {};
    if (Number(size) !== this.#intake.total || md5Hash !== this.#md5)
      throw new Error('Google Cloud Storage kept other bytes than it was given.');
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
