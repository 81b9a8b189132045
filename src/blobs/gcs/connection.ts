import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { backOff } from '../transfer/back-off.ts';
import { CALLS_AT_ONCE } from '../transfer/slots.ts';
import { GcsRefusal, GcsSilence, isTransient } from './errors.ts';
import { type Call, GcsExchange } from './exchange.ts';

const ATTEMPTS = 3;
const LONGEST_ANSWER = 16 * 1024 * 1024;

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** Who gives the headers that prove who we are. */
export interface Prover {
  getRequestHeaders(url: string): Promise<Headers>;
}

/**
 * The connections to one server, bounded in number, with a time-out on each call. The SDK’s own transport has none: it
 * hands `timeout` to a fetch that ignores it, can’t be aborted, and shares one unbounded pool with the whole process.
 */
export class GcsConnection {
  readonly #prover: Prover;
  readonly #timeoutMs: number;
  readonly #contents: http.Agent;
  readonly #control: http.Agent;

  constructor(endpoint: string, prover: Prover, timeoutMs: number, connections: number) {
    const { Agent } = endpoint.startsWith('https:') ? https : http;
    this.#prover = prover;
    this.#timeoutMs = timeoutMs;
    this.#contents = new Agent({ keepAlive: true, maxSockets: connections });
    this.#control = new Agent({ keepAlive: true, maxSockets: Math.min(connections, CALLS_AT_ONCE) });
  }

  /** How long the server may be silent. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Resolves with the whole answer to a call; rejects with GcsRefusal unless it is a success or says 308. */
  async call(call: Call): Promise<Answer> {
    return this.#retried(call, async () => {
      const exchange = await this.#begin(call);
      const { statusCode: status = 0, headers } = await exchange.response;
      const text = await exchange.text(LONGEST_ANSWER);
      if ((status < 200 || status > 299) && status !== 308) throw new GcsRefusal(status, text);
      return { status, headers, text };
    });
  }

  /** Resolves with the answer to a download once its headers are there; rejects with GcsRefusal unless it is a success. */
  async download(call: Call): Promise<IncomingMessage> {
    return this.#retried(call, async () => {
      const exchange = await this.#begin({ ...call, contents: true });
      const response = await exchange.response;
      const { statusCode: status = 0 } = response;
      if (status < 200 || status > 299) throw new GcsRefusal(status, await exchange.text(LONGEST_ANSWER));
      exchange.handOver();
      return response;
    });
  }

  /** Closes every connection; what is under way fails. */
  close(): void {
    this.#contents.destroy();
    this.#control.destroy();
  }

  async #begin(call: Call): Promise<GcsExchange> {
    call.signal?.throwIfAborted();
    const proof = call.open ? new Headers() : await this.#proofOf(call);
    const agent = call.contents ? this.#contents : this.#control;
    return new GcsExchange(call, Object.fromEntries(proof), agent, this.#timeoutMs);
  }

  /** The library that fetches tokens tries on its own, for longer than we may wait. */
  async #proofOf({ url, signal }: Call): Promise<Headers> {
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal?.reason);
    const timer = setTimeout(() => reject(new GcsSilence('No token came in time.')), this.#timeoutMs);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([this.#prover.getRequestHeaders(url), promise]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  async #retried<T>(call: Call, attempt: () => Promise<T>): Promise<T> {
    const { attempts = ATTEMPTS, signal } = call;
    for (let tried = 1; ; tried += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (tried >= attempts || signal?.aborted || !isTransient(error)) throw error;
      }
      await backOff(tried, signal);
    }
  }
}
