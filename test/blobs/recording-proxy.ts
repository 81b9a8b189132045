import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request that passed, and the status of its answer; 0 while there is none. */
export interface Passed {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  status: number;
}

/** Stands between a store and its server, passes everything on, and remembers every request. */
export class RecordingProxy {
  readonly passed: Passed[] = [];
  /** Called for each request before it is passed on; may wait. */
  before: (passed: Passed) => unknown = () => {};
  /** Called with each answer’s body before it goes back; gives the body that goes back instead, or throws to lose the answer. */
  after: (passed: Passed, body: Buffer) => Buffer | Promise<Buffer> = (_, body) => body;
  readonly #server: Server;
  readonly #target: URL;

  /** Starts one in front of the server of this origin. */
  static async start(target: string): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, response) => {
      this.#pass(incoming, response).catch(() => response.destroy());
    });
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The requests of one method, oldest first. */
  of(method: string): Passed[] {
    return this.passed.filter((passed) => passed.method === method);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming;
    const passed = { method, url: new URL(url, this.origin), headers, status: 0 };
    this.passed.push(passed);
    await this.before(passed);
    const outgoing = request(new URL(url, this.#target), { method, headers, agent: false });
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
    incoming.once('close', () => {
      if (!incoming.complete) outgoing.destroy();
    });
    outgoing.once('response', (answer) => {
      passed.status = answer.statusCode ?? 0;
      this.#giveBack(passed, answer, response).catch(() => response.destroy());
    });
  }

  async #giveBack(passed: Passed, answer: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await this.after(passed, await buffer(answer));
    const { 'transfer-encoding': _, ...headers } = answer.headers;
    response.writeHead(passed.status, { ...headers, 'content-length': body.length });
    response.end(passed.status === 204 ? undefined : body);
  }
}
