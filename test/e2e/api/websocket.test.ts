import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, gql, register } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { ask, socketClient, TestSocket } from '../../support/socket.ts';

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

const many = (count: number, text: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ');

describe('Over a WebSocket', () => {
  it('queries and mutations run for whom connectionParams.authorization names', async () => {
    const client = socketClient(server.origin, ann.token);
    expect(await ask(client, ME)).toEqual({
      data: { me: { id: ann.id, username: ann.username } },
      errors: [],
    });
    const update = 'mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { firstName } }';
    expect((await ask(client, update, { input: { firstName: 'Ann' } })).data).toEqual({
      updateProfile: { firstName: 'Ann' },
    });
    await client.dispose();
  });

  it('nobody in particular may do what needs no account, log in by it too, and no more', async () => {
    const client = socketClient(server.origin);
    expect((await ask(client, '{ publicFiles { totalCount } }')).data).toEqual({
      publicFiles: { totalCount: 0 },
    });
    const login = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }';
    const input = { emailOrUsername: ann.username, password: ann.password };
    const tokens = { accessToken: expect.any(String), refreshToken: expect.stringMatching(/.{20}/) };
    expect((await ask(client, login, { input })).data).toEqual({ login: tokens });
    const { errors } = await ask(client, ME);
    expect(errors[0]?.extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
      requestId: expect.stringMatching(/^[\w-]{36}$/),
    });
    await client.dispose();
  });

  const REFUSED: readonly [what: string, query: string, variables?: Record<string, unknown>][] = [
    ['what is no GraphQL', '{'],
    ['an empty document', ''],
    ['an unknown field', '{ mee { id } }'],
    ['a wrong argument', '{ file(id: "x") { id } }'],
    ['a variable of the wrong type', 'query ($n: Int) { files(first: $n) { totalCount } }', { n: 'x' }],
    ['a page that is too large', '{ files(first: 101) { totalCount } }'],
    ['a subscription', 'subscription { x: __typename }'],
    ['several operations without a name', 'query A { __typename } query B { __typename }'],
    ['a deep document', `{ ${'a { '.repeat(13)} id ${'} '.repeat(13)} }`],
    ['a flood of aliases', `{ ${many(31, (i) => `a${i}: __typename`)} }`],
    ['a flood of tokens', `{ me { ${many(3000, () => 'id')} } }`],
    ['a flood of directives', `{ __typename ${'@skip(if: false) '.repeat(51)} }`],
    ['a costly list', `{ files(first: 100) { nodes { ${many(250, () => 'id')} } } }`],
    [
      'doubling fragments',
      `{ ...A0 } ${many(40, (i) => `fragment A${i} on Query { ...A${i + 1} ...A${i + 1} }`)} fragment A40 on Query { __typename }`,
    ],
    ['a field for administrators', '{ users { totalCount } }'],
  ];

  it.each(REFUSED)(
    '%s is refused as it is over HTTP, in the same words',
    async (_what, query, variables = {}) => {
      const client = socketClient(server.origin, ann.token);
      const [socket, http] = await Promise.all([
        ask(client, query, variables),
        gql(server.origin, query, variables, ann.token),
      ]);
      const told = (
        errors: readonly { message: string; extensions: { code: string; requestId?: string } }[],
      ) =>
        errors.map(({ extensions: { requestId: _, ...extensions }, ...error }) => ({ ...error, extensions }));
      expect(http.errors.length).toBeGreaterThan(0);
      expect(told(socket.errors)).toEqual(told(http.errors));
      expect(socket.data).toEqual(http.data);
      await client.dispose();
    },
  );

  it('files cannot be sent, and an operation that wants one says so', async () => {
    const client = socketClient(server.origin, ann.token);
    const upload = 'mutation ($file: Upload!) { uploadFile(file: $file) { id } }';
    for (const file of [null, 'x', { name: 'x' }]) {
      const { data, errors } = await ask(client, upload, { file });
      expect([data, errors[0]?.extensions.code]).toEqual([null, 'BAD_USER_INPUT']);
    }
    await client.dispose();
  });

  it('an answer with some failed fields is an answer', async () => {
    const client = socketClient(server.origin, ann.token);
    const answer = await ask(client, '{ me { id } file(id: "000000000000000000000000") { id } }');
    expect(answer.data).toEqual({ me: { id: ann.id }, file: null });
    expect(answer.errors).toMatchObject([{ path: ['file'], extensions: { code: 'NOT_FOUND' } }]);
    await client.dispose();
  });
});

describe('A socket', () => {
  it.each([
    ['a token that is none', 'Bearer x'],
    ['no Bearer', 'x'],
    ['a number', 7],
    ['an operator of MongoDB', { $ne: 1 }],
    ['an empty text', ''],
    ['10,000 letters', `Bearer ${'x'.repeat(10_000)}`],
  ])('whose authorization is %s is closed with 4403', async (_what, authorization) => {
    const socket = await TestSocket.open(server.origin);
    socket.send({ type: 'connection_init', payload: { authorization } });
    expect(await socket.closed).toBe(4403);
  });

  it.each<[what: string, messages: string[], code: number]>([
    ['what is no JSON', ['{'], 4400],
    ['JSON that is no message', ['[]'], 4400],
    ['an unknown message', ['{"type":"start"}'], 4400],
    ['a message that only servers send', ['{"type":"connection_ack"}'], 4400],
    ['an answer', ['{"type":"connection_init"}', '{"type":"next","id":"1","payload":{}}'], 4400],
    [
      'an operation before it is acknowledged',
      ['{"type":"subscribe","id":"1","payload":{"query":"{ __typename }"}}'],
      4401,
    ],
    ['two inits', ['{"type":"connection_init"}', '{"type":"connection_init"}'], 4429],
    [
      'an operation without a document',
      ['{"type":"connection_init"}', '{"type":"subscribe","id":"1","payload":{}}'],
      4400,
    ],
    [
      'variables that are no object',
      [
        '{"type":"connection_init"}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}',
      ],
      4400,
    ],
    ['a message over 1 MiB', [`{"type":"ping","payload":{"x":"${'x'.repeat(1_048_576)}"}}`], 1009],
    [
      'JSON that is 100,000 levels deep',
      [`{"type":"ping","payload":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`],
      4400,
    ],
  ])('that sends %s is closed', async (_what, messages, code) => {
    const socket = await TestSocket.open(server.origin);
    for (const message of messages) socket.send(message);
    expect(await socket.closed).toBe(code);
    // Whoever sends nonsense is no failure of the service.
    expect(server.log()).not.toMatch(/\bERROR\b|"level":50/);
  });

  it('that sends bytes instead of text is closed', async () => {
    const socket = await TestSocket.open(server.origin);
    socket.ws.send(Buffer.from('{"type":"connection_init"}'));
    expect(await socket.closed).toBe(1003);
  });

  it('that uses an id twice at once is closed', async () => {
    const socket = await TestSocket.ready(server.origin, ann.token);
    socket.subscribe('1', ME);
    socket.subscribe('1', ME);
    expect(await socket.closed).toBe(4409);
  });

  it('that never says connection_init is closed after 10 seconds', async () => {
    const began = performance.now();
    const socket = await TestSocket.open(server.origin);
    expect(await socket.closed).toBe(4408);
    expect(performance.now() - began).toBeGreaterThan(9_000);
    expect(performance.now() - began).toBeLessThan(12_000);
  });

  it('may have 20 operations under way; further ones are RATE_LIMITED', async () => {
    const socket = await TestSocket.ready(server.origin, ann.token);
    const change =
      'mutation { changePassword(oldPassword: "not my password", newPassword: "another password") }';
    for (let i = 0; i < 30; i += 1) socket.subscribe(String(i), change);
    const refused = await socket.next('error');
    expect(refused.payload).toMatchObject([{ extensions: { code: 'RATE_LIMITED', retryAfter: 1 } }]);
    const limited = () =>
      socket.received.filter(({ payload }) =>
        JSON.stringify(payload ?? '').includes('At most 20 operations'),
      );
    await expect.poll(() => limited().length).toBe(10);
    await socket.next('complete');
    socket.ws.terminate();
  });
});
