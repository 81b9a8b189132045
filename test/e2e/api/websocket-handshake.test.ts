import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, gql, register } from '../../support/client.ts';
import { createKey } from '../../support/keys.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { handshake, PROTOCOL, TestSocket } from '../../support/socket.ts';

const APP = 'https://app.example.org';
const SECRET = 'a secret that both nodes of the tests share';
const ME = '{ me { id username } }';
let server: RunningServer;
let ann: Account;

beforeAll(async () => {
  server = await startServer({ CORS_ORIGIN: APP, JWT_SECRET: SECRET });
  ann = await register(server.origin);
});
afterAll(() => server.stop());

describe('A handshake', () => {
  it('is open to pages of the own origin and of CORS_ORIGIN, and to what is no browser', async () => {
    const { host } = new URL(server.origin);
    const from = (origin: string) => handshake(server.origin, { headers: { origin } });
    expect(await handshake(server.origin)).toBe(101);
    for (const origin of [APP, `http://${host}`, `https://${host}`])
      expect([origin, await from(origin)]).toEqual([origin, 101]);
    for (const origin of [
      'https://evil.example',
      'null',
      '',
      'x',
      'http://localhost',
      `${APP}.evil.example`,
      `http://${host}.evil.example`,
      `file://${host}`,
      `http://evil.example?${host}`,
    ]) {
      expect([origin, await from(origin)]).toEqual([origin, 403]);
    }
  });

  it('elsewhere, or for another protocol, version or method is refused', async () => {
    expect(await handshake(server.origin, { path: '/nowhere' })).toBe(404);
    expect(await handshake(server.origin, { path: '/health/live' })).toBe(404);
    expect(await handshake(server.origin, { path: '/graphql/' })).toBe(404);
    expect(await handshake(server.origin, { path: '//graphql' })).toBe(404);
    for (const protocols of [[], ['graphql-ws'], ['graphql-ws', 'x']]) {
      expect(await handshake(server.origin, { protocols })).toBe(400);
    }
    expect(await handshake(server.origin, { protocols: ['graphql-ws', PROTOCOL] })).toBe(101);
    expect(await handshake(server.origin, { protocolVersion: 8 })).toBe(400);
  });

  it.each([
    [
      'without a key',
      { 'sec-websocket-version': '13', 'sec-websocket-protocol': PROTOCOL },
      'GET /graphql',
      400,
    ],
    [
      'by POST',
      {
        'sec-websocket-version': '13',
        'sec-websocket-protocol': PROTOCOL,
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
      'POST /graphql',
      400,
    ],
    ['with a body', { 'content-length': '100' }, 'POST /nowhere', 404],
  ])('%s is answered and closed', async (_what, headers, line, status) => {
    const connection = await RawConnection.open(server.origin);
    connection.begin({ connection: 'Upgrade', upgrade: 'websocket', ...headers }, line);
    expect((await connection.answer()).status).toBe(status);
    await connection.ended(7_000);
  });

  it('for anything but a WebSocket is an ordinary request, as RFC 9110 lets it be', async () => {
    for (const upgrade of ['h2c', 'websocket2', 'TLS/1.0']) {
      const connection = await RawConnection.open(server.origin);
      connection.begin(
        { connection: 'Upgrade, HTTP2-Settings', upgrade, 'http2-settings': '' },
        'GET /health/live',
      );
      expect(await connection.answer()).toMatchObject({ status: 200, text: '{"status":"ok"}' });
      connection.vanish();
    }
  });

  it('is refused where an account has 20 sockets, or an address 100', async () => {
    const bob = await register(server.origin);
    const own = await Promise.all(
      Array.from({ length: 20 }, () => TestSocket.ready(server.origin, bob.token)),
    );
    const further = await TestSocket.open(server.origin);
    further.send({ type: 'connection_init', payload: { authorization: `Bearer ${bob.token}` } });
    expect(await further.closed).toBe(4429);
    const others: TestSocket[] = [];
    let status = 101;
    for (let i = 0; i < 100 && status === 101; i += 1) {
      await TestSocket.open(server.origin).then(
        (socket) => others.push(socket),
        (error) => {
          status = error.status;
        },
      );
    }
    expect([status, others.length]).toEqual([429, 80]);
    own[0]?.ws.terminate();
    await own[0]?.closed;
    await expect.poll(() => handshake(server.origin)).toBe(101);
    for (const { ws } of [...own, ...others]) ws.terminate();
    await expect
      .poll(async () => (await fetch(`${server.origin}/metrics`)).text())
      .toMatch(/^websockets_open 0$/m);
  });
});

describe('The end of a session', () => {
  const LOGOUT = 'mutation { logout }';

  it('ends its sockets within a second, with 4401, and no others', async () => {
    const bob = await register(server.origin);
    const [own, other] = [
      await TestSocket.ready(server.origin, bob.token),
      await TestSocket.ready(server.origin, ann.token),
    ];
    await gql(server.origin, LOGOUT, {}, bob.token);
    const began = performance.now();
    expect(await own.closed).toBe(4401);
    expect(performance.now() - began).toBeLessThan(1_000);
    other.subscribe('1', ME);
    expect((await other.next('next')).payload).toMatchObject({ data: { me: { id: ann.id } } });
    other.ws.terminate();
  });

  it('has its like in an API key: it does what its scopes allow, and its socket ends with it', async () => {
    const { id, key } = await createKey(server.origin, ann.token, ['FILES_READ']);
    const socket = await TestSocket.ready(server.origin, key);
    socket.subscribe('1', '{ files { totalCount } }');
    expect((await socket.next('next', '1')).payload).toEqual({ data: { files: { totalCount: 0 } } });
    socket.subscribe('2', ME);
    expect((await socket.next('next', '2')).payload).toMatchObject({
      data: null,
      errors: [{ extensions: { code: 'FORBIDDEN' } }],
    });
    await gql(server.origin, 'mutation ($id: ID!) { revokeApiKey(id: $id) { id } }', { id }, ann.token);
    const began = performance.now();
    expect(await socket.closed).toBe(4401);
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('ends them on another node within 5 seconds, and that node’s limits count its operations', async () => {
    const { MONGODB_URI } = server.env;
    const node = await startServer({ MONGODB_URI, JWT_SECRET: SECRET, RATE_LIMITS: 'api=5/600' });
    try {
      const bob = await register(server.origin);
      const socket = await TestSocket.ready(node.origin, bob.token);
      socket.subscribe('1', '{ a: __typename b: __typename c: __typename }');
      await socket.next('next', '1');
      socket.subscribe('2', '{ a: __typename b: __typename c: __typename }');
      expect((await socket.next('error', '2')).payload).toMatchObject([
        { extensions: { code: 'RATE_LIMITED', retryAfter: expect.any(Number) } },
      ]);
      await gql(server.origin, LOGOUT, {}, bob.token);
      const began = performance.now();
      expect(await socket.closed).toBe(4401);
      expect(performance.now() - began).toBeLessThan(5_000);
    } finally {
      await node.stop();
    }
  });
});

describe('A server that stops', () => {
  it('closes its sockets with 1001, those that are busy once they are answered, and ends', async () => {
    const node = await startServer();
    const carl = await register(node.origin);
    const idle = await TestSocket.ready(node.origin);
    const busy = await TestSocket.ready(node.origin, carl.token);
    busy.subscribe(
      '1',
      'mutation { changePassword(oldPassword: "not my password", newPassword: "another password") }',
    );
    const began = performance.now();
    const [code, idleCode, busyCode] = await Promise.all([node.stop(), idle.closed, busy.closed]);
    expect([code, idleCode, busyCode]).toEqual([0, 1001, 1001]);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(busy.received.at(-1)).toEqual({ id: '1', type: 'complete' });
  });
});
