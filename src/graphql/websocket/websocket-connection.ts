import type { Server } from 'graphql-ws';
import type { WebSocket } from 'ws';
import { AppError, hasCode } from '../../errors.ts';
import type { AccountWatch } from '../../services/accounts/account-watch.ts';
import { type Authentication, bearerIn } from '../../services/sessions/authentication.ts';
import type { ClientFacts, Viewer } from '../../services/viewer.ts';
import { PacedSender } from './paced-sender.ts';
import type { Asker } from './websocket-operations.ts';

/** The codes that a connection is closed with; those from 4400 are of graphql-transport-ws. */
export const CloseCode = {
  GOING_AWAY: 1001,
  TEXT_ONLY: 1003,
  BAD_REQUEST: 4400,
  ENDED: 4401,
  FORBIDDEN: 4403,
  TOO_MANY: 4429,
  FAILED: 4500,
} as const;

/** How long and how much one connection may. */
export interface ConnectionLimits {
  /** Milliseconds between two pings; who answered none of them until the next is gone. */
  readonly keepAliveMs: number;
  /** Messages that are being worked on at once. */
  readonly operationsAtOnce: number;
  /** Subscriptions that run at once. */
  readonly subscriptions: number;
  /** Bytes that may wait for a client that reads slowly. */
  readonly bufferedBytes: number;
}

/** What a connection needs of the rest. */
export interface ConnectionParts {
  readonly limits: ConnectionLimits;
  readonly authentication: Pick<Authentication, 'authenticate' | 'again'>;
  readonly watch: Pick<AccountWatch, 'onEnd'>;
  /** Hears of an error that is not the client’s. */
  readonly failed: (error: unknown) => void;
}

const LAST_OPERATIONS_MS = 5_000;
const CLOSING_MS = 1_000;
const RETRY_SECONDS = 60;
// The library’s only word for a message that servers alone send.
const UNEXPECTED = /^Error: Unexpected message of type /;

/** One open socket: who speaks, what it is busy with, and whether anybody is still there. */
export class Connection {
  readonly client: ClientFacts;
  private readonly ws: WebSocket;
  private readonly parts: ConnectionParts;
  private readonly gone = new AbortController();
  private readonly heart: NodeJS.Timeout;
  private viewer: Viewer | null = null;
  private bearer = '';
  private unwatch = () => {};
  private busy = 0;
  private isLeaving = false;
  private isAlive = true;
  private readonly sender: PacedSender;
  private subscriptions = 0;
  private idle = () => {};

  constructor(ws: WebSocket, client: ClientFacts, parts: ConnectionParts) {
    this.ws = ws;
    this.client = client;
    this.parts = parts;
    this.sender = new PacedSender(ws, parts.limits.bufferedBytes);
    this.heart = setInterval(() => void this.beat(), parts.limits.keepAliveMs);
    ws.on('pong', () => {
      this.isAlive = true;
    });
    // What breaks a socket closes it, and that is all that there is to do about it.
    ws.on('error', () => undefined);
    ws.once('close', () => this.ended());
  }

  /** The account that speaks, in hex; null for nobody. */
  get account(): string | null {
    return this.viewer?.userId.toHexString() ?? null;
  }

  /** Lets the protocol speak over the socket. */
  serve(server: Server<Connection>): void {
    const closed = server.opened(
      {
        protocol: this.ws.protocol,
        send: (text) => this.sender.send(text),
        close: (code, reason) => this.ws.close(code, reason),
        onMessage: (handle) => {
          this.ws.on('message', (data, isBinary) => {
            if (isBinary) this.ws.close(CloseCode.TEXT_ONLY, 'Text messages only');
            else void this.heard(() => handle(String(data)));
          });
        },
      },
      this,
    );
    this.ws.once('close', (code, reason) => {
      closed(code, String(reason)).catch(this.parts.failed);
    });
  }

  /** Takes over for whom the socket speaks, as `Bearer …` says; UNAUTHENTICATED where that is not valid. */
  async identify(authorization: unknown): Promise<void> {
    if (authorization === undefined || authorization === null) return;
    const bearer = typeof authorization === 'string' ? bearerIn(authorization) : null;
    if (bearer === null)
      throw new AppError('UNAUTHENTICATED', 'connectionParams.authorization must be `Bearer …`.');
    const viewer = await this.parts.authentication.authenticate(bearer);
    if (this.gone.signal.aborted) return;
    this.viewer = viewer;
    this.bearer = bearer;
    this.unwatch = this.parts.watch.onEnd(viewer, () => this.end());
    // It may have ended just before the watch began.
    await this.viewerNow();
  }

  /** Who asks for the operations that come over the socket. */
  get asker(): Asker {
    return {
      client: this.client,
      requireTurn: () => this.requireTurn(),
      viewer: () => this.viewerNow(),
      hold: () => this.hold(),
      signal: this.gone.signal,
    };
  }

  /** Closes the socket, whose client has nothing to complain of, as soon as what it asked for is answered. */
  async leave(): Promise<void> {
    this.isLeaving = true;
    const idle = new Promise<void>((resolve) => {
      this.idle = resolve;
    });
    if (this.isBusy) await Promise.race([idle, this.after(LAST_OPERATIONS_MS)]);
    this.ws.close(CloseCode.GOING_AWAY, 'The server is going away');
    await this.after(CLOSING_MS);
    this.ws.terminate();
    await this.after(CLOSING_MS);
  }

  /** Cuts the socket because its session, its key or its account has ended. */
  private end(): void {
    this.ws.close(CloseCode.ENDED, 'The session has ended');
    this.gone.abort(new AppError('UNAUTHENTICATED', 'The session has ended: log in again.'));
    void this.after(CLOSING_MS).then(() => this.ws.terminate());
  }

  /** Whether anything is worked on that will end by itself, which subscriptions need not do. */
  private get isBusy(): boolean {
    return this.busy > this.subscriptions;
  }

  /** Lets the message that is being worked on be a subscription, until what it returns is called. */
  private hold(): () => void {
    const { subscriptions } = this.parts.limits;
    if (this.subscriptions >= subscriptions) {
      const message = `At most ${subscriptions} subscriptions may run on one socket.`;
      throw new AppError('RATE_LIMITED', message, { retryAfter: RETRY_SECONDS });
    }
    this.subscriptions += 1;
    if (!this.isBusy) this.idle();
    let isHeld = true;
    return () => {
      if (isHeld) this.subscriptions -= 1;
      isHeld = false;
    };
  }

  private requireTurn(): void {
    const { operationsAtOnce } = this.parts.limits;
    if (this.busy - this.subscriptions <= operationsAtOnce) return;
    const message = `At most ${operationsAtOnce} operations may run at once on one socket.`;
    throw new AppError('RATE_LIMITED', message, { retryAfter: 1 });
  }

  // By the session, not by the access token: that one says who opened the socket, and may run out meanwhile.
  private async viewerNow(): Promise<Viewer | null> {
    if (!this.viewer) return null;
    try {
      return await this.parts.authentication.again(this.viewer, this.bearer);
    } catch (error) {
      if (hasCode(error, 'UNAUTHENTICATED')) this.end();
      throw error;
    }
  }

  private async heard(handle: () => Promise<void>): Promise<void> {
    this.isAlive = true;
    if (this.isLeaving || this.ws.readyState !== this.ws.OPEN) return;
    this.busy += 1;
    try {
      await handle();
    } catch (error) {
      this.refuse(error);
    } finally {
      this.busy -= 1;
      if (!this.isBusy) this.idle();
    }
  }

  private refuse(error: unknown): void {
    if (hasCode(error, 'UNAUTHENTICATED')) this.ws.close(CloseCode.FORBIDDEN, (error as AppError).message);
    else if (hasCode(error, 'RATE_LIMITED')) this.ws.close(CloseCode.TOO_MANY, (error as AppError).message);
    // Only what a client nested beyond all reason exhausts the stack.
    else if (error instanceof RangeError) this.ws.close(CloseCode.BAD_REQUEST, 'Nested too deeply');
    else if (UNEXPECTED.test(String(error))) this.ws.close(CloseCode.BAD_REQUEST, 'Invalid message received');
    else if (this.ws.readyState === this.ws.OPEN) {
      this.parts.failed(error);
      this.ws.close(CloseCode.FAILED, 'Something went wrong on the server.');
    }
  }

  private async beat(): Promise<void> {
    const { ws } = this;
    if (!this.isAlive && !this.sender.readsOn(this.parts.limits.keepAliveMs)) return ws.terminate();
    this.isAlive = false;
    this.sender.look();
    if (ws.readyState === ws.OPEN) ws.ping();
    // An expired session or key ends without an event that anybody could hear.
    await this.viewerNow().catch(() => undefined);
  }

  private after(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.ws.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      if (this.ws.readyState === this.ws.CLOSED) resolve();
    });
  }

  private ended(): void {
    clearInterval(this.heart);
    this.unwatch();
    this.gone.abort(new AppError('BAD_USER_INPUT', 'The client went away before its answer was complete.'));
  }
}
