import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSchema } from 'graphql';
import { afterEach, describe, expect, it } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { AppError } from '../../errors.ts';
import type { Viewer } from '../../services/viewer.ts';
import type { SocketOperations } from './websocket-operations.ts';
import { GraphQLSockets, SOCKET_LIMITS, type SocketLimits, type SocketsParts } from './websocket-sockets.ts';

const PROTOCOL = 'graphql-transport-ws';
const VIEWER = {
  userId: { toHexString: () => 'ann' },
  sessionId: { toHexString: () => 'one' },
} as unknown as Viewer;
const ENDED = new AppError('UNAUTHENTICATED', 'This session has ended: log in again.');

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Sockets on a real server, with limits that a test can wait for. */
async function serve(limits: Partial<SocketLimits>, parts: Partial<SocketsParts> = {}) {
  const failures: unknown[] = [];
  const sockets = new GraphQLSockets({
    schema: buildSchema('type Query { a: Int }'),
    operations: { run: async () => ({ data: { a: 1 } }) } as unknown as SocketOperations,
    authentication: { authenticate: async () => VIEWER, again: async () => VIEWER },
    watch: { onEnd: () => () => undefined },
    failed: (error) => failures.push(error),
    limits: { ...SOCKET_LIMITS, ...limits },
    ...parts,
  });
  const http = createServer();
  const wss = new WebSocketServer({ server: http, handleProtocols: () => PROTOCOL });
  wss.on('connection', (ws) => sockets.add(ws, { ip: '192.0.2.1', userAgent: null }));
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/`;
  closers.push(() => {
    for (const ws of wss.clients) ws.terminate();
    http.close();
  });
  const connect = async (options: WebSocket.ClientOptions = {}, token?: string) => {
    const ws = new WebSocket(url, [PROTOCOL], options);
    const closed = new Promise<number>((resolve) => ws.once('close', resolve));
    ws.on('error', () => undefined);
    await once(ws, 'open');
    const payload = token && { authorization: `Bearer ${token}` };
    const acknowledged = Promise.race([once(ws, 'message'), closed]);
    ws.send(JSON.stringify({ type: 'connection_init', ...(payload && { payload }) }));
    await acknowledged;
    return { ws, closed };
  };
  return { sockets, connect, failures };
}

const subscribe = (id: number) =>
  JSON.stringify({ type: 'subscribe', id: String(id), payload: { query: '{ a }' } });

describe('A socket', () => {
  it('whose client does not answer a ping until the next is cut; one that does stays', async () => {
    const { sockets, connect } = await serve({ keepAliveMs: 100 });
    const silent = await connect({ autoPong: false });
    const alive = await connect();
    const began = performance.now();
    expect(await silent.closed).toBe(1006);
    expect(performance.now() - began).toBeLessThan(1_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([alive.ws.readyState, sockets.size]).toEqual([WebSocket.OPEN, 1]);
  });

  it('whose client reads nothing is cut once too much waits for it, and the memory is given back', async () => {
    const large = { data: { a: 'x'.repeat(1024 * 1024) } };
    const operations = { run: async () => large } as unknown as SocketOperations;
    const { sockets, connect, failures } = await serve(
      { bufferedBytes: 4 * 1024 * 1024, keepAliveMs: 60_000 },
      { operations },
    );
    const { ws } = await connect();
    ws.pause();
    for (let i = 0; i < 100; i += 1) ws.send(subscribe(i));
    await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(0);
    expect(failures).toEqual([]);
    ws.terminate();
  });

  it('whose client reads slowly, but reads, stays although its pongs wait behind what it reads', async () => {
    const large = { data: { a: 'x'.repeat(8 * 1024 * 1024) } };
    const operations = { run: async () => large } as unknown as SocketOperations;
    const { sockets, connect } = await serve({ bufferedBytes: 1024 ** 3, keepAliveMs: 150 }, { operations });
    const { ws, closed } = await connect();
    for (let i = 0; i < 4; i += 1) ws.send(subscribe(i));
    const pace = setInterval(() => {
      ws.resume();
      setTimeout(() => ws.pause(), 2);
    }, 40);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect([ws.readyState, sockets.size]).toEqual([WebSocket.OPEN, 1]);
    clearInterval(pace);
    ws.terminate();
    await closed;
  });

  it('goes on when its access token has run out, and ends with 4401 when its session has', async () => {
    let live = true;
    const asked: unknown[] = [];
    const authentication = {
      authenticate: async () => VIEWER,
      again: async (viewer: Viewer) => {
        asked.push(viewer.sessionId);
        if (!live) throw ENDED;
        return VIEWER;
      },
    };
    const operations = {
      run: async (_asked: unknown, asker: { viewer: () => Promise<unknown> }) => {
        await asker.viewer();
        return { data: { a: 1 } };
      },
    } as unknown as SocketOperations;
    const { connect } = await serve({ keepAliveMs: 60_000 }, { authentication, operations });
    const { ws, closed } = await connect({}, 'token');
    ws.send(subscribe(1));
    await once(ws, 'message');
    expect(asked).toEqual([VIEWER.sessionId, VIEWER.sessionId]);
    live = false;
    ws.send(subscribe(2));
    expect(await closed).toBe(4401);
  });

  it('whose session runs out while it says nothing ends at the next ping', async () => {
    let live = true;
    const again = async () => {
      if (!live) throw ENDED;
      return VIEWER;
    };
    const { connect } = await serve(
      { keepAliveMs: 100 },
      { authentication: { authenticate: async () => VIEWER, again } },
    );
    const { closed } = await connect({}, 'token');
    live = false;
    expect(await closed).toBe(4401);
  });

  it('whose session ended while it was opened is not opened', async () => {
    const again = async () => {
      throw ENDED;
    };
    const { connect } = await serve({}, { authentication: { authenticate: async () => VIEWER, again } });
    expect(await (await connect({}, 'token')).closed).toBe(4401);
  });

  it('survives a database that is away while it says nothing, and hears no inner text of a failure', async () => {
    let asked = 0;
    const again = async () => {
      asked += 1;
      if (asked > 1) throw new Error('mongodb://secret is away');
      return VIEWER;
    };
    const { connect, failures } = await serve(
      { keepAliveMs: 50 },
      { authentication: { authenticate: async () => VIEWER, again } },
    );
    const { ws } = await connect({}, 'token');
    await expect.poll(() => asked).toBeGreaterThan(3);
    expect(ws.readyState).toBe(WebSocket.OPEN);
    const broken = await serve(
      {},
      { authentication: { authenticate: async () => Promise.reject(new Error('secret')), again } },
    );
    const other = await broken.connect({}, 'token');
    expect(await other.closed).toBe(4500);
    expect(String(broken.failures[0])).toContain('secret');
    expect(failures).toEqual([]);
  });

  it('whose client does not read is asked for no further event, and has its subscriptions ended when it goes', async () => {
    let [asked, ended] = [0, 0];
    const answer = { data: { a: 'x'.repeat(256 * 1024) } };
    const stream = {
      next: async () => {
        asked += 1;
        await new Promise(setImmediate);
        return { done: ended > 0, value: answer };
      },
      return: async () => {
        ended += 1;
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
    const operations = { run: async () => stream } as unknown as SocketOperations;
    const { sockets, connect, failures } = await serve({}, { operations });
    const { ws, closed } = await connect();
    ws.pause();
    ws.send(subscribe(1));
    let before = -1;
    await expect
      .poll(
        () => {
          const isStill = asked > 0 && asked === before;
          before = asked;
          return isStill;
        },
        { interval: 100, timeout: 5_000 },
      )
      .toBe(true);
    expect([asked < 100, sockets.size, ended]).toEqual([true, 1, 0]);
    ws.terminate();
    await closed;
    await expect.poll(() => ended).toBe(1);
    expect(failures).toEqual([]);
  });

  it('that ends aborts what runs for it', async () => {
    const signals: AbortSignal[] = [];
    const operations = {
      run: (_asked: unknown, { signal }: { signal: AbortSignal }) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    } as unknown as SocketOperations;
    const { connect } = await serve({}, { operations });
    const { ws } = await connect();
    ws.send(subscribe(1));
    await expect.poll(() => signals.length).toBe(1);
    ws.terminate();
    await expect.poll(() => signals[0]?.aborted).toBe(true);
  });

  it('that never finishes does not keep the server from stopping', async () => {
    const operations = { run: () => new Promise(() => undefined) } as unknown as SocketOperations;
    const { sockets, connect } = await serve({}, { operations });
    const { ws, closed } = await connect();
    ws.send(subscribe(1));
    ws.pause();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await sockets.close();
    expect(sockets.size).toBe(0);
    ws.resume();
    expect(await closed).toBe(1001);
  });
});
