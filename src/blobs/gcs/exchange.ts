import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { GcsCrowd, GcsRefusal, GcsSilence } from './errors.ts';

/** One request to the server. */
export interface Call {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: readonly Uint8Array[];
  /** Whether it carries contents; such calls have connections of their own. */
  readonly contents?: boolean;
  /** Whether it goes without a token, as a request whose address is its own proof. */
  readonly open?: boolean;
  readonly signal?: AbortSignal;
  /** Whether a request that is already out is waited for when the signal comes, because it may have had its effect. */
  readonly settles?: boolean;
  /** How often it may be tried. */
  readonly attempts?: number;
}

/**
 * One request and its answer. It fails when nothing moves for too long: while it waits for a connection, connects, sends
 * or waits for the answer. A signal ends it at once, but for one that settles and is wholly sent already.
 */
export class GcsExchange {
  /** Resolves when the answer’s headers are there. */
  readonly response: Promise<IncomingMessage>;
  readonly #request: ClientRequest;
  readonly #call: Call;
  readonly #timer: NodeJS.Timeout;
  readonly #body: readonly Uint8Array[];
  readonly #answer = Promise.withResolvers<IncomingMessage>();
  #answered: IncomingMessage | undefined;
  #sent = 0;
  #connected = false;

  constructor(call: Call, proof: Record<string, string>, agent: http.Agent, timeoutMs: number) {
    this.#call = call;
    this.#body = call.body ?? [];
    this.response = this.#answer.promise;
    const length = this.#body.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const { request } = call.url.startsWith('https:') ? https : http;
    this.#request = request(call.url, {
      method: call.method,
      agent,
      headers: {
        ...proof,
        ...(call.method !== 'GET' && { 'content-length': String(length) }),
        ...call.headers,
      },
    });
    this.#timer = setTimeout(() => this.#giveUp(), timeoutMs);
    call.signal?.addEventListener('abort', this.#abort, { once: true });
    this.#request
      .once('socket', (socket) => {
        this.#connected = true;
        this.#timer.refresh();
        if (socket.connecting) socket.once('connect', () => this.#timer.refresh());
      })
      .once('response', (response) => {
        this.#answered = response;
        this.#timer.refresh();
        this.#answer.resolve(response);
      })
      // Once there is an answer it tells itself how it ends.
      .on('error', (error) => this.#answered ?? this.#fail(error));
    this.#sendNext();
  }

  /** The rest of the answer as text, after which the connection is free again; rejects if it breaks or is too long. */
  async text(most: number): Promise<string> {
    const response = await this.response;
    const chunks: Buffer[] = [];
    let left = most;
    try {
      for await (const chunk of response) {
        this.#timer.refresh();
        chunks.push(chunk);
        left -= chunk.length;
        if (left < 0) throw new GcsRefusal(response.statusCode ?? 0, 'The answer is too long.');
      }
      return Buffer.concat(chunks).toString();
    } finally {
      // Whatever was not sent when the answer came would be taken for the next request.
      if (!this.#request.writableEnded) this.#request.destroy();
      this.handOver();
    }
  }

  /** Leaves the answer’s body, and how long it may take, to somebody else. */
  handOver(): void {
    clearTimeout(this.#timer);
    this.#call.signal?.removeEventListener('abort', this.#abort);
  }

  /** Hands over piece after piece, so that each that has left is a sign of life. */
  #sendNext(): void {
    if (this.#answered || this.#request.destroyed) return;
    const piece = this.#body[this.#sent];
    if (!piece) {
      this.#request.end();
      return;
    }
    this.#sent += 1;
    this.#request.write(piece, (error) => {
      if (error) return;
      this.#timer.refresh();
      this.#sendNext();
    });
  }

  readonly #abort = () => {
    const out = this.#request.writableEnded && this.#request.writableLength === 0;
    if (this.#call.settles && out && this.#connected) return;
    this.#fail(this.#call.signal?.reason);
  };

  #giveUp(): void {
    this.#fail(
      this.#connected
        ? new GcsSilence('Google Cloud Storage did not answer in time.')
        : new GcsCrowd('No connection to Google Cloud Storage became free in time.'),
    );
  }

  #fail(error: unknown): void {
    this.handOver();
    this.#answer.reject(error);
    this.#answered?.destroy(error instanceof Error ? error : undefined);
    this.#request.destroy();
  }
}
