import mongoose from 'mongoose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, gql, register, send, upload } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const SECRETS = ['the first secret which signs everything', 'the second that used to sign things'];
let server: RunningServer;
let ann: Account;

beforeAll(async () => {
  server = await startServer({
    NODE_ENV: 'production',
    LOG_LEVEL: 'trace',
    JWT_SECRET: SECRETS.join(','),
    METRICS_TOKEN: 'token of the metrics',
  });
  ann = await register(server.origin);
});
afterAll(() => server.stop());

const get = (path: string, headers: Record<string, string> = {}) =>
  send(server.origin, { method: 'GET', path, headers });

describe('In production', () => {
  it('a browser finds no page at /graphql, neither ours nor Apollo’s', async () => {
    const answer = await get('/graphql', { accept: BROWSER });
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.text).not.toMatch(/<html|playground|apollographql/i);
    expect((await get('/playground/start.js')).status).toBe(404);
    expect(answer.headers['strict-transport-security']).toBe('max-age=31536000');
  });

  it('nobody is told the schema, by introspection or by guessing', async () => {
    for (const query of ['{ __schema { types { name } } }', '{ __type(name: "User") { fields { name } } }']) {
      const answer = await gql(server.origin, query);
      expect([answer.status, answer.data, answer.errors[0]?.extensions.code]).toEqual([
        400,
        null,
        'BAD_USER_INPUT',
      ]);
    }
    const guesses: [string, object?][] = [
      ['{ mee { id } }'],
      ['{ me { usernam } }'],
      ['{ files(frist: 1) { nodes { id } } }'],
      ['{ files(sort: { field: FILE_SIZ }) { nodes { id } } }'],
      ['{ files(filter: { serch: "x" }) { nodes { id } } }'],
      ['query ($f: FileFiltr) { files(filter: $f) { nodes { id } } }'],
      ['query ($f: FileFilter) { files(filter: $f) { nodes { id } } }', { f: { serch: 'x' } }],
      ['query ($s: FileSort) { files(sort: $s) { nodes { id } } }', { s: { field: 'FILE_SIZ' } }],
    ];
    for (const [query, variables] of guesses) {
      const answer = await gql(server.origin, query, variables);
      expect(answer.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
      expect(answer.text).not.toMatch(/did you mean/i);
    }
  });

  it('the metrics need their token', async () => {
    for (const token of [undefined, 'x', 'token of the metricS', 'token of the metrics ']) {
      const headers: Record<string, string> = token ? { authorization: `Bearer ${token}x` } : {};
      expect((await get('/metrics', headers)).status).toBe(401);
    }
    expect((await get('/metrics', { authorization: 'Bearer token of the metrics' })).status).toBe(200);
  });

  it('what is wrong inside stays inside, and is logged under the id that the client sees', async () => {
    const uploaded = await upload(server.origin, ann.token, { content: 'x' });
    const id = uploaded.data?.uploadFile.id ?? '';
    const connection = await mongoose.createConnection(server.env.MONGODB_URI ?? '').asPromise();
    const _id = new mongoose.Types.ObjectId(id);
    await connection.collection('files').updateOne({ _id }, { $set: { downloadCount: 'inner secret' } });
    const answer = await gql(server.origin, `{ file(id: "${id}") { id downloadCount } }`, {}, ann.token);
    await connection.collection('files').deleteOne({ _id });
    await connection.close();
    const [error] = answer.errors;
    expect(error?.extensions).toEqual({
      code: 'INTERNAL_SERVER_ERROR',
      requestId: answer.headers['x-request-id'],
    });
    expect(error?.message).toBe('Something went wrong on the server.');
    expect(answer.text).not.toMatch(/secret|stack|Int cannot/);
    const line = server
      .log()
      .split('\n')
      .find((text) => text.includes('"a request failed"'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({ requestId: answer.headers['x-request-id'], level: 50 });
  });
});

describe('The log, at its most talkative', () => {
  it('names no password, token, secret or signature, whatever goes wrong', async () => {
    const password = 'Tr0ub4dor&3 and more';
    const input = { username: `u${Date.now()}`, email: `u${Date.now()}@example.org`, password };
    const REGISTER =
      'mutation ($input: RegisterInput!) { register(input: $input) { accessToken refreshToken } }';
    const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }';
    const registered = await gql<{ register: { accessToken: string; refreshToken: string } }>(
      server.origin,
      REGISTER,
      { input },
    );
    const { accessToken = '', refreshToken = '' } = registered.data?.register ?? {};
    const { email: _missing, ...incomplete } = input;
    // Wrong in every way that makes a server quote what it was given.
    for (const [query, variables] of [
      [REGISTER, { input }],
      [REGISTER, { input: incomplete }],
      [REGISTER, { input: { ...input, password: [password] } }],
      [REGISTER, { input: { ...input, extra: password } }],
      [LOGIN, { input: { emailOrUsername: input.email, password: { $ne: password } } }],
      [LOGIN, { input: { emailOrUsername: input.email, password: `${password}!` } }],
      [LOGIN, { input: { emailOrUsername: input.email, password, code: 1 } }],
      [`mutation { login(input: { emailOrUsername: 1, password: ["${password}"] }) { accessToken } }`, {}],
      [`mutation { login(input: { password: "${password}" }) { accessToken } }`, {}],
      [`mutation { login(password: "${password}" "${password}") { accessToken } }`, {}],
      ['mutation ($t: String!) { refreshToken(refreshToken: $t) { accessToken } }', { t: [refreshToken] }],
      ['mutation ($t: Int!) { refreshToken(refreshToken: $t) { accessToken } }', { t: refreshToken }],
      [
        'mutation ($t: String!) { refreshToken(refreshToken: $t) { accessToken } }',
        { t: `${refreshToken}x` },
      ],
      ['mutation ($p: String!) { changePassword(oldPassword: $p, newPassword: "x") }', { p: password }],
      ['mutation ($p: String!) { deleteAccount(password: $p) }', { p: `${password}?` }],
    ] as const) {
      await gql(server.origin, query, variables, accessToken);
    }
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${accessToken}` };
    await send(server.origin, { headers, body: `{"password": "${password}", ` });
    const uploaded = await upload(server.origin, accessToken, { content: 'x' });
    const query = `{ file(id: "${uploaded.data?.uploadFile.id}") { downloadUrl } }`;
    const linked = await gql<{ file: { downloadUrl: string } }>(server.origin, query, {}, accessToken);
    const link = new URL(linked.data?.file.downloadUrl ?? '');
    const signature = link.searchParams.get('signature') ?? '';
    for (const path of [
      `${link.pathname}${link.search}`,
      `${link.pathname}${link.search}x`,
      `/nowhere${link.search}`,
    ]) {
      await get(path, { authorization: `Bearer ${accessToken}`, cookie: `refresh=${refreshToken}` });
    }
    await get(
      `/graphql?query=${encodeURIComponent(`mutation { deleteAccount(password: "${password}") }`)}`,
      headers,
    );

    const log = server.log();
    expect(log.split('\n').length).toBeGreaterThan(20);
    const secrets = {
      password,
      accessToken,
      refreshToken,
      signature,
      ...SECRETS,
      metrics: 'token of the metrics',
    };
    for (const [name, secret] of Object.entries<string>(secrets)) {
      expect(secret.length, name).toBeGreaterThan(10);
      expect(log.includes(secret), name).toBe(false);
      expect(log.includes(encodeURIComponent(secret)), name).toBe(false);
    }
    expect(log).not.toMatch(/Bearer|\$scrypt|signature=/);
  });
});
