import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** From the client to the server, or back. */
export type Way = 'up' | 'down';

/** What goes wrong on the way; bytes and answers are counted from the moment that it is told. */
export type Trouble =
  /** Takes everything and never answers. */
  | { kind: 'silence' }
  /** Answers every request itself, with this status and no body. */
  | { kind: 'answer'; status: number }
  /** Carries so many bytes of each connection this way, and then nothing more. */
  | { kind: 'stall'; way: Way; after: number }
  /** Cuts one connection, once all have carried so many bytes this way; gently is by an end instead of a reset. */
  | { kind: 'cut'; way: Way; after: number; gently?: boolean }
  /** Cuts each connection after so many bytes this way. */
  | { kind: 'cut each'; way: Way; after: number; gently?: boolean }
  /** Cuts the connection in place of the answer of this number, counted from 0 over all connections. */
  | { kind: 'lose'; answer: number };

/** One client's connection and that to the server behind it. */
interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly carried: Carried;
}

type Carried = Record<Way, number>;

/** A proxy for TCP on a free port of this machine that has troubles when it is told to. */
export class FlakyProxy {
  readonly #target: URL;
  readonly #links = new Set<Link>();
  #listener: Server;
  #port = 0;
  #trouble: Trouble | undefined;
  #struck = 0;
  #answers = 0;
  readonly #carried: Carried = { up: 0, down: 0 };

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#listener = this.#makeListener();
  }

  /** Starts one before the server of this origin. */
  static async start(target: string): Promise<FlakyProxy> {
    const proxy = new FlakyProxy(target);
    await proxy.#listen();
    return proxy;
  }

  /** Where clients find the server through it. */
  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#links.size;
  }

  /** How often the last trouble came to pass, where it is a stall, a cut or a loss. */
  get struck(): number {
    return this.#struck;
  }

  /** Has this trouble from now on, on connections that are open already too. */
  disturb(trouble: Trouble): void {
    this.#trouble = trouble;
    this.#struck = 0;
    this.#answers = 0;
    const links = [...this.#links].map(({ carried }) => carried);
    for (const carried of [this.#carried, ...links]) carried.up = carried.down = 0;
  }

  /** Cuts every connection and refuses new ones from now on. */
  async refuse(): Promise<void> {
    this.#listener.close();
    this.#cutAll();
    await wait(20);
  }

  /** Has no trouble from now on; what is open is cut, as it may have lost bytes. */
  async pass(): Promise<void> {
    this.#trouble = undefined;
    this.#cutAll();
    if (!this.#listener.listening) {
      this.#listener = this.#makeListener();
      await this.#listen();
    }
    // The clients hear of the cut before they are given more to do.
    await wait(20);
  }

  /** Ends it, with every connection. */
  async stop(): Promise<void> {
    await this.refuse();
  }

  #makeListener(): Server {
    // A connection may go on taking what comes after it has said all.
    return createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  async #listen(): Promise<void> {
    this.#listener.listen(this.#port, '127.0.0.1');
    await once(this.#listener, 'listening');
    this.#port = (this.#listener.address() as AddressInfo).port;
  }

  #accept(client: Socket): void {
    const server = connect(Number(this.#target.port || 80), this.#target.hostname);
    const link: Link = { client, server, carried: { up: 0, down: 0 } };
    this.#links.add(link);
    client.on('data', (chunk) => this.#carry('up', link, chunk));
    server.on('data', (chunk) => this.#carry('down', link, chunk));
    client.on('end', () => server.end());
    server.on('end', () => this.#isDeaf() || client.end());
    const close = () => this.#cut(link);
    for (const socket of [client, server]) {
      socket.on('error', close);
      socket.setNoDelay();
    }
    client.on('close', close);
    server.on('close', () => this.#isDeaf() || client.destroySoon());
  }

  #isDeaf(): boolean {
    return this.#trouble?.kind === 'silence' || this.#trouble?.kind === 'answer';
  }

  #carry(way: Way, link: Link, chunk: Buffer): void {
    const trouble = this.#trouble;
    if (trouble?.kind === 'silence') return;
    if (trouble?.kind === 'answer') this.#answer(way, link, chunk, trouble.status);
    else if (trouble?.kind === 'lose' && way === 'down' && this.#answers++ === trouble.answer) {
      this.#strike(link);
    } else if (trouble && 'way' in trouble && trouble.way === way) this.#carrySome(trouble, link, chunk);
    else this.#forward(way, link, chunk);
  }

  #carrySome(trouble: Extract<Trouble, { way: Way }>, link: Link, chunk: Buffer): void {
    const { kind, way, after } = trouble;
    const carried = kind === 'cut' ? this.#carried : link.carried;
    const rest = after - carried[way];
    carried[way] += chunk.length;
    if (chunk.length <= rest || (kind === 'cut' && this.#struck > 0)) {
      this.#forward(way, link, chunk);
      return;
    }
    if (rest > 0) this.#forward(way, link, chunk.subarray(0, rest));
    if (kind !== 'stall') this.#strike(link, trouble.gently);
    else {
      this.#struck += 1;
      // Unread bytes fill the buffers, so that the sender too learns that nobody takes them.
      (way === 'up' ? link.client : link.server).pause();
    }
  }

  #forward(way: Way, { client, server }: Link, chunk: Buffer): void {
    const [from, to] = way === 'up' ? [client, server] : [server, client];
    if (to.write(chunk)) return;
    from.pause();
    to.once('drain', () => from.resume());
  }

  #answer(way: Way, { client }: Link, chunk: Buffer, status: number): void {
    // The body that may follow is taken and thrown away.
    if (way === 'down' || client.writableEnded || !chunk.includes('\r\n\r\n')) return;
    client.end(`HTTP/1.1 ${status} Trouble\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
  }

  #strike(link: Link, gently = false): void {
    this.#struck += 1;
    if (gently) link.server.destroy();
    else this.#cut(link);
  }

  #cut(link: Link): void {
    if (!this.#links.delete(link)) return;
    link.server.destroy();
    link.client.resetAndDestroy();
  }

  #cutAll(): void {
    for (const link of this.#links) this.#cut(link);
  }
}
