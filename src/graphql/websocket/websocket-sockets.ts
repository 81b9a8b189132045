import { type ExecutionArgs, type FormattedExecutionResult, type GraphQLSchema, parse } from 'graphql';
import { makeServer, type Server } from 'graphql-ws';
import type { WebSocket } from 'ws';
import { AppError } from '../../errors.ts';
import { addressKey } from '../../services/limits/address-key.ts';
import type { ClientFacts } from '../../services/viewer.ts';
import { ToldError } from './told-error.ts';
import { Connection, type ConnectionLimits, type ConnectionParts } from './websocket-connection.ts';
import type { SocketOperations, SocketRequest } from './websocket-operations.ts';
import type { AnswerStream } from './websocket-subscription.ts';

/** How many sockets there may be, and what each of them may. */
export interface SocketLimits extends ConnectionLimits {
  /** Milliseconds until a client must have said `connection_init`. */
  readonly initMs: number;
  readonly perAccount: number;
  /** An IPv6 address counts as its /64. */
  readonly perAddress: number;
}

/** The limits of sockets. */
export const SOCKET_LIMITS: SocketLimits = {
  initMs: 10_000,
  keepAliveMs: 25_000,
  operationsAtOnce: 20,
  subscriptions: 100,
  bufferedBytes: 4 * 1024 * 1024,
  perAccount: 20,
  perAddress: 100,
};

/** What the sockets need of the rest. */
export interface SocketsParts extends Omit<ConnectionParts, 'limits'> {
  readonly schema: GraphQLSchema;
  readonly operations: SocketOperations;
  readonly limits?: SocketLimits;
}

/** The open sockets of this node, which speak graphql-transport-ws. */
export class GraphQLSockets {
  private readonly parts: SocketsParts;
  private readonly limits: SocketLimits;
  private readonly server: Server<Connection>;
  private readonly open = new Map<string, Set<Connection>>();
  private isClosing = false;

  constructor(parts: SocketsParts) {
    this.parts = parts;
    this.limits = parts.limits ?? SOCKET_LIMITS;
    this.server = this.createProtocol();
  }

  /** How many sockets are open. */
  get size(): number {
    return this.all().length;
  }

  /** Rejects with RATE_LIMITED where the address has as many sockets as it may. */
  requireRoom({ ip }: ClientFacts): void {
    if ((this.open.get(addressKey(ip))?.size ?? 0) < this.limits.perAddress) return;
    const message = `At most ${this.limits.perAddress} WebSockets may be open from one address.`;
    throw new AppError('RATE_LIMITED', message, { retryAfter: 60 });
  }

  /** Serves a socket whose handshake is done, until it closes. */
  add(ws: WebSocket, client: ClientFacts): void {
    const connection = new Connection(ws, client, { ...this.parts, limits: this.limits });
    const address = addressKey(client.ip);
    const neighbours = this.open.get(address) ?? new Set();
    this.open.set(address, neighbours.add(connection));
    ws.once('close', () => {
      neighbours.delete(connection);
      if (neighbours.size === 0 && this.open.get(address) === neighbours) this.open.delete(address);
    });
    if (this.isClosing) void connection.leave();
    else connection.serve(this.server);
  }

  /** Closes every socket, each when what it asked for is answered; resolves within some seconds. */
  async close(): Promise<void> {
    this.isClosing = true;
    await Promise.all(this.all().map((connection) => connection.leave()));
  }

  private all(): Connection[] {
    return [...this.open.values()].flatMap((neighbours) => [...neighbours]);
  }

  private async admit(connection: Connection, authorization: unknown): Promise<void> {
    await connection.identify(authorization);
    const { account } = connection;
    if (account === null) return;
    const own = this.all().filter((other) => other.account === account).length;
    if (own > this.limits.perAccount) {
      const message = `At most ${this.limits.perAccount} WebSockets may be open for one account.`;
      throw new AppError('RATE_LIMITED', message, { retryAfter: 60 });
    }
  }

  private createProtocol(): Server<Connection> {
    const { operations, schema } = this.parts;
    return makeServer<Record<string, unknown>, Connection>({
      connectionInitWaitTimeout: this.limits.initMs,
      onConnect: async ({ connectionParams, extra }) => {
        await this.admit(extra, connectionParams?.authorization ?? connectionParams?.Authorization);
      },
      async onSubscribe({ extra }, _id, payload) {
        const answer = await operations.run(payload as SocketRequest, extra.asker);
        if (isStream(answer)) return { schema, document: SUBSCRIBED, answer } as AnsweredArgs;
        // What was refused as a whole is an error of the protocol; all else is an answer, errors of fields included.
        if (answer.data === undefined) return (answer.errors ?? []).map((error) => new ToldError(error));
        return { schema, document: ANSWERED, answer } as AnsweredArgs;
      },
      execute: (args) => (args as AnsweredArgs).answer as never,
      subscribe: (args) => (args as AnsweredArgs).answer as never,
      onNext: (_context, _id, _payload, args, result) => {
        const { answer } = args as AnsweredArgs;
        return isStream(answer) ? (result as FormattedExecutionResult) : answer;
      },
      onError: (_context, _id, _payload, errors) =>
        errors.map((error) =>
          error.originalError instanceof ToldError ? error.originalError.toJSON() : error.toJSON(),
        ),
    });
  }
}

/** What stands for an operation that has already run. */
interface AnsweredArgs extends ExecutionArgs {
  readonly answer: FormattedExecutionResult | AnswerStream;
}

// The protocol’s server looks at the kind of the operation alone.
const ANSWERED = parse('{ __typename }');
const SUBSCRIBED = parse('subscription { __typename }');

const isStream = (answer: FormattedExecutionResult | AnswerStream): answer is AnswerStream =>
  Symbol.asyncIterator in answer;
