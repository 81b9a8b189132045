import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { Refusal, sendEmpty, sendJson } from './gcs-answers.ts';
import type { Bucket, Described, StoredObject } from './gcs-buckets.ts';
import { type Draft, QUANTUM } from './gcs-contents.ts';
import { parseDescribed, readMultipart } from './gcs-multipart.ts';
import { resourceOf } from './gcs-resources.ts';

/** A resumable upload that was begun. */
interface Session {
  readonly bucket: Bucket;
  readonly name: string;
  readonly described: Described;
  readonly query: URLSearchParams;
  readonly draft: Draft;
  state: 'open' | 'cancelled' | StoredObject;
  /** The request that is being read; the next waits until it has ended or broken off. */
  running: Promise<void>;
}

/** Reads a whole object from one request: `uploadType=media` or `multipart`. */
export async function uploadAtOnce(
  request: IncomingMessage,
  bucket: Bucket,
  query: URLSearchParams,
): Promise<StoredObject> {
  const draft = bucket.newDraft();
  try {
    let described: Described & { name?: string } = {};
    if (query.get('uploadType') === 'multipart') {
      described = await readMultipart(request, draft);
    } else {
      const type = request.headers['content-type'];
      if (type) described = { contentType: type };
      for await (const chunk of request) await draft.take(chunk);
    }
    const name = query.get('name') ?? described.name;
    if (!name) throw new Refusal(400, 'required', 'Required parameter: name');
    return await bucket.keep(name, await draft.finish(), described, query);
  } catch (error) {
    await draft.discard();
    throw error;
  }
}

/** The resumable uploads that are under way, by their ids. */
export class Sessions {
  readonly #sessions = new Map<string, Session>();

  /** Begins an upload; resolves with its id. */
  async begin(request: IncomingMessage, bucket: Bucket, query: URLSearchParams): Promise<string> {
    const described = parseDescribed(await text(request));
    const name = query.get('name') ?? described.name;
    if (!name) throw new Refusal(400, 'required', 'Required parameter: name');
    bucket.requireConditions(name, query);
    const type = request.headers['x-upload-content-type'];
    if (typeof type === 'string') described.contentType ??= type;
    const id = randomBytes(32).toString('base64url');
    const draft = bucket.newDraft();
    const running = Promise.resolve();
    this.#sessions.set(id, { bucket, name, described, query, draft, state: 'open', running });
    return id;
  }

  /** Answers a PUT or DELETE of a session’s address. */
  async serve(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const session = this.#sessions.get(id);
    if (!session) throw new Refusal(404, 'notFound', 'No such upload session.');
    const before = session.running;
    const { promise, resolve } = Promise.withResolvers<void>();
    session.running = promise;
    try {
      await before;
      if (request.method === 'DELETE') await this.#cancel(session, response);
      else await this.#goOn(session, request, response);
    } finally {
      resolve();
    }
  }

  async #cancel(session: Session, response: ServerResponse): Promise<void> {
    if (typeof session.state === 'object') throw new Refusal(404, 'notFound', 'The upload is complete.');
    session.state = 'cancelled';
    await session.draft.discard();
    sendEmpty(response, 499);
  }

  async #goOn(session: Session, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (session.state === 'cancelled')
      throw new Refusal(499, 'clientClosedRequest', 'The upload was cancelled.');
    const range = request.headers['content-range'];
    const [, first, last, total] = /^bytes (?:(\d+)-(\d+|\*)|\*)\/(\d+|\*)$/.exec(range ?? 'bytes */0') ?? [];
    if (range !== undefined && total === undefined) {
      throw new Refusal(400, 'badRequest', 'Invalid Content-Range header.');
    }
    if (typeof session.state === 'object') {
      request.resume();
      sendJson(response, 200, resourceOf(session.state));
      return;
    }
    const { draft } = session;
    if (range === undefined) await this.#take(request, draft);
    else if (first !== undefined)
      await this.#takeChunk(request, draft, Number(first), last ?? '*', total ?? '*');
    // `bytes 0-*/*` is how Google's own libraries send a stream whose length they do not know: it ends with the request.
    const isStream = last === '*' && total === '*';
    const whole = range === undefined || isStream || total === String(draft.taken);
    if (!whole) {
      draft.dropTail();
      // A session of which nothing is kept answers without a Range.
      const kept = draft.size > 0 ? { range: `bytes=0-${draft.size - 1}` } : undefined;
      sendEmpty(response, 308, { ...kept, 'x-guploader-uploadid': 'none' });
      return;
    }
    const { bucket, name, described, query } = session;
    session.state = 'cancelled';
    session.state = await bucket.keep(name, await draft.finish(), described, query);
    sendJson(response, 200, resourceOf(session.state));
  }

  async #takeChunk(request: IncomingMessage, draft: Draft, first: number, last: string, total: string) {
    if (first > draft.size) {
      throw new Refusal(503, 'backendError', 'Invalid request. There are bytes missing before these.');
    }
    if (last === '*') {
      await this.#take(request, draft, draft.size - first);
      return;
    }
    const length = Number(last) - first + 1;
    if (total === '*' && length % QUANTUM !== 0) {
      throw new Refusal(400, 'badRequest', 'Chunks but the last must be multiples of 262144 bytes.');
    }
    if (
      Number(request.headers['content-length']) !== length ||
      (total !== '*' && Number(last) >= Number(total))
    ) {
      throw new Refusal(400, 'badRequest', 'The Content-Range does not fit the body.');
    }
    await this.#take(request, draft, draft.size - first);
  }

  /** Takes a body but its first bytes, which are kept already; of one that breaks off only whole quanta stay. */
  async #take(request: IncomingMessage, draft: Draft, already = 0): Promise<void> {
    let skip = already;
    try {
      for await (const chunk of request) {
        const bytes: Buffer = chunk.subarray(skip);
        skip -= chunk.length - bytes.length;
        if (bytes.length > 0) await draft.take(Buffer.from(bytes));
      }
    } catch (error) {
      draft.dropTail();
      throw error;
    }
  }
}
