import { once } from 'node:events';
import type { FormattedExecutionResult } from 'graphql';
import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';
import type { Failure } from './client.ts';

/** The protocol that the service speaks. */
export const PROTOCOL = 'graphql-transport-ws';

/** One message of the protocol. */
export interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

/** Where sockets are opened. */
export const socketAddress = (origin: string) => `${origin.replace(/^http/, 'ws')}/graphql`;

/** A client of graphql-ws that connects when it is first used and never again. */
export function socketClient(origin: string, token?: string): Client {
  return createClient({
    url: socketAddress(origin),
    webSocketImpl: WebSocket,
    lazy: true,
    retryAttempts: 0,
    ...(token !== undefined && { connectionParams: { authorization: `Bearer ${token}` } }),
  });
}

/** The answer of one operation; what was refused as a whole has errors and no data. */
export function ask(
  client: Client,
  query: string,
  variables: Record<string, unknown> = {},
  extensions?: Record<string, unknown>,
): Promise<{ data: unknown; errors: readonly Failure[] }> {
  return new Promise((resolve, reject) => {
    let answer: FormattedExecutionResult = { data: null };
    client.subscribe(
      { query, variables, ...(extensions && { extensions }) },
      {
        next: (value) => {
          answer = value as FormattedExecutionResult;
        },
        error: (error) => {
          if (Array.isArray(error)) resolve({ data: null, errors: error as never });
          else
            reject(
              error instanceof Error
                ? error
                : Object.assign(new Error('The socket closed'), { event: error }),
            );
        },
        complete: () =>
          resolve({
            data: answer.data ?? null,
            errors: (answer.errors ?? []) as never as readonly Failure[],
          }),
      },
    );
  });
}

/** The errors of a subscription as it begins; none where it goes on. What it tells is not waited for. */
export async function begun(
  origin: string,
  { query, variables }: { query: string; variables: object },
  token?: string,
): Promise<{ text: string; errors: readonly Failure[] }> {
  const socket = await TestSocket.ready(origin, token);
  socket.subscribe('begun', query, variables);
  // What is asked after it is answered after it was begun or refused.
  for (const id of ['1', '2']) {
    socket.subscribe(id, '{ publicFiles(first: 1) { totalCount } me { id } }');
    await socket.next('complete', id);
  }
  socket.ws.terminate();
  const errors = socket.received.flatMap(({ type, id, payload }) =>
    id === 'begun' && type === 'error' ? (payload as Failure[]) : [],
  );
  return { text: JSON.stringify(socket.received), errors };
}

/** A socket whose messages the test writes itself. */
export class TestSocket {
  readonly ws: WebSocket;
  readonly received: Message[] = [];
  /** Resolves with the code that it was closed with. */
  readonly closed: Promise<number>;

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data) => this.received.push(JSON.parse(String(data))));
    ws.on('error', () => undefined);
    this.closed = new Promise((resolve) => ws.once('close', resolve));
  }

  /** Opens one; rejects with `{ status }` where the handshake is refused. */
  static async open(
    origin: string,
    options: WebSocket.ClientOptions & { path?: string; protocols?: string[] } = {},
  ): Promise<TestSocket> {
    const { path = '/graphql', protocols = [PROTOCOL], ...rest } = options;
    const ws = new WebSocket(`${origin.replace(/^http/, 'ws')}${path}`, protocols, rest);
    const socket = new TestSocket(ws);
    await new Promise((resolve, reject) => {
      ws.once('open', resolve);
      ws.once('unexpected-response', (_request, response) => {
        ws.on('error', () => undefined);
        response.resume();
        response.once('end', () =>
          reject(Object.assign(new Error('refused'), { status: response.statusCode })),
        );
      });
      ws.once('error', reject);
    });
    return socket;
  }

  /** Opens one and has it acknowledged. */
  static async ready(origin: string, token?: string): Promise<TestSocket> {
    const socket = await TestSocket.open(origin);
    socket.send({
      type: 'connection_init',
      ...(token !== undefined && { payload: { authorization: `Bearer ${token}` } }),
    });
    await socket.next('connection_ack');
    return socket;
  }

  send(message: Message | string): void {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  subscribe(id: string, query: string, variables: object = {}): void {
    this.send({ type: 'subscribe', id, payload: { query, variables } });
  }

  /** The first message of this type, and of this id, that has come or is yet to come. */
  async next(type: string, id?: string): Promise<Message> {
    for (;;) {
      const found = this.received.find((each) => each.type === type && (id === undefined || each.id === id));
      if (found) return found;
      if (this.ws.readyState !== this.ws.OPEN) throw new Error(`It closed: ${JSON.stringify(this.received)}`);
      await Promise.race([once(this.ws, 'message'), this.closed]);
    }
  }
}

/** The status with which a handshake is refused; 101 where it is not. */
export async function handshake(
  origin: string,
  options: Parameters<typeof TestSocket.open>[1] = {},
): Promise<number> {
  try {
    const socket = await TestSocket.open(origin, options);
    socket.ws.terminate();
    return 101;
  } catch (error) {
    const { status } = error as { status?: number };
    if (status === undefined) throw error;
    return status;
  }
}
