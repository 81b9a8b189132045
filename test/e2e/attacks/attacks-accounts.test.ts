import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rootOf } from '../../support/administrator.ts';
import { type Account, type Answer, gql, register, send, upload } from '../../support/client.ts';
import { DirectClient, sendPart } from '../../support/direct-upload.ts';
import { createKey } from '../../support/keys.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { type MailServer, startMailServer, tokenOf } from '../../support/smtp.ts';
import { TestSocket } from '../../support/socket.ts';

const SECRET = 'a secret of the tests with at least 32 characters';
const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }';
const REFRESH = 'mutation ($token: String!) { refreshToken(refreshToken: $token) { accessToken } }';
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

let mail: MailServer;
let server: RunningServer;
let ann: Account;
let file: string;

beforeAll(async () => {
  mail = await startMailServer();
  // Whoever sets a public key as a secret, by mistake, must not let tokens of its owner in.
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  server = await startServer({ ...mail.env, JWT_SECRET: `${SECRET},${pem}` });
  ann = await register(server.origin);
  const { data } = await upload(server.origin, ann.token, { content: 'what ann wrote' });
  file = data?.uploadFile.id ?? '';
});
afterAll(async () => {
  await server.stop();
  await mail.close();
});

const run = <T = Record<string, unknown>>(query: string, variables = {}, token?: string) =>
  gql<T>(server.origin, query, variables, token);
const codesOf = ({ errors }: Pick<Answer, 'errors'>) => errors.map(({ extensions }) => extensions.code);
const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
const payload = () => JSON.parse(Buffer.from(ann.token.split('.')[1] ?? '', 'base64url').toString());
const login = (emailOrUsername: string, password: string) =>
  run<{ login: { accessToken: string; refreshToken: string } }>(LOGIN, {
    input: { emailOrUsername, password },
  });

/** A token of these claims, signed by HMAC with the server’s own secret unless told otherwise. */
function token(claims: object, header: object = {}, { secret = SECRET, hash = 'sha256' } = {}): string {
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT', ...header })}.${encoded({ ...payload(), ...claims })}`;
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
}

/** At every entry that takes a token, it is as good as none. */
async function expectRefused(bearer: string): Promise<void> {
  expect(codesOf(await run('{ me { id } }', {}, bearer))).toEqual(['UNAUTHENTICATED']);
  const headers = { authorization: `Bearer ${bearer}` };
  const content = await send(server.origin, { method: 'GET', path: `/files/${file}/content`, headers });
  expect([content.status, content.text.includes('what ann wrote')]).toEqual([401, false]);
  expect(codesOf(await upload(server.origin, bearer, { content: 'x' }))).toEqual(['UNAUTHENTICATED']);
  const socket = await TestSocket.open(server.origin);
  socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${bearer}` } });
  expect(await socket.closed).toBe(4403);
}

describe('A token', () => {
  it('of the test is as good as the server’s own where nothing is changed', async () => {
    const answer = await run<{ me: { id: string } }>('{ me { id } }', {}, token({}));
    expect(answer.data?.me.id).toBe(ann.id);
  });

  const asymmetric = () => {
    const signed = `${encoded({ alg: 'RS256', typ: 'JWT' })}.${encoded(payload())}`;
    return `${signed}.${createSign('sha256').update(signed).sign(privateKey, 'base64url')}`;
  };
  const pem = () => publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const bare = (alg: string) => `${encoded({ alg, typ: 'JWT' })}.${encoded(payload())}.`;
  const HOUR = 3_600;
  const now = () => Math.floor(Date.now() / 1000);

  it.each<[string, () => string]>([
    // CVE-2015-9235 of jsonwebtoken, CVE-2018-1000531 of prime-jwt
    ['without a signature, by `none`', () => bare('none')],
    ['without a signature, by `nOnE`', () => bare('nOnE')],
    ['without a signature, by the right name', () => bare('HS256')],
    // CVE-2022-23540 and CVE-2022-23541 of jsonwebtoken: RS256 confused with HS256
    ['of the owner of a public key among the secrets', asymmetric],
    [
      'signed by HMAC with that public key’s bytes in another form',
      () => token({}, {}, { secret: pem().replaceAll('\n', '') }),
    ],
    ['of another algorithm with the right secret', () => token({}, { alg: 'HS512' }, { hash: 'sha512' })],
    ['that says one algorithm and is signed by another', () => token({}, {}, { hash: 'sha512' })],
    // CVE-2018-0114 of node-jose: a key that the token itself brings
    ['that brings its own key', () => token({}, { jwk: { kty: 'oct', k: 'eA' } }, { secret: 'x' })],
    [
      'that names where its key is',
      () => token({}, { kid: '../../dev/null', jku: 'http://127.0.0.1/' }, { secret: '' }),
    ],
    ['of another audience', () => token({ aud: 'somebody else' })],
    ['of no audience', () => token({ aud: undefined })],
    ['of another issuer', () => token({ iss: 'somebody else' })],
    ['that has ended', () => token({ iat: now() - 2 * HOUR, exp: now() - HOUR })],
    ['that never ends', () => token({ exp: undefined })],
    ['that ends at a text', () => token({ exp: '9999999999' })],
    ['whose account is an operator', () => token({ sub: { $ne: null } })],
    ['whose session is an operator', () => token({ sid: { $gt: '' } })],
    ['of another account’s session', () => token({ sub: '0'.repeat(24) })],
    ['of 5,000 dots', () => '.'.repeat(5_000)],
  ])('%s opens nothing, anywhere', async (_what, made) => {
    await expectRefused(made());
  });
});

// RFC 8725 section 2.8, cross-JWT confusion: one kind of token accepted as another.
describe('One kind of token', () => {
  it('is none of another kind', async () => {
    const bob = await register(server.origin);
    const opened = (await login(bob.username, bob.password)).data?.login;
    const { key } = await createKey(server.origin, bob.token, ['ACCOUNT_READ', 'FILES_READ']);
    const mailed = tokenOf(await mail.mailTo(`${bob.username}@example.org`));
    const link = `{ file(id: "${file}") { downloadUrl } }`;
    const { data } = await run<{ file: { downloadUrl: string } }>(link, {}, ann.token);
    const signature = new URL(data?.file.downloadUrl ?? '').searchParams.get('signature') ?? '';
    const others = { refresh: opened?.refreshToken ?? '', mailed, signature };
    for (const [kind, text] of Object.entries(others)) {
      expect([kind, text.length > 40]).toEqual([kind, true]);
      await expectRefused(text);
    }
    for (const text of [opened?.accessToken, key, mailed, signature]) {
      expect(codesOf(await run(REFRESH, { token: text }))).toEqual(['UNAUTHENTICATED']);
    }
    const reset = 'mutation ($t: String!) { resetPassword(token: $t, newPassword: "quite another one") }';
    for (const text of [opened?.accessToken, key, opened?.refreshToken, mailed]) {
      expect(codesOf(await run(reset, { t: text }))).toEqual(['BAD_USER_INPUT']);
    }
    // What was tried has ended nothing.
    expect(codesOf(await run(REFRESH, { token: opened?.refreshToken }))).toEqual([]);
  });

  it('ends everywhere with a logout, a reset and a deactivation', async () => {
    const out = await register(server.origin);
    expect(codesOf(await run('mutation { logout }', {}, out.token))).toEqual([]);
    await expectRefused(out.token);

    const forgetful = await register(server.origin);
    await run('mutation ($e: String!) { forgotPassword(email: $e) }', {
      e: `${forgetful.username}@example.org`,
    });
    const received = await mail.mailTo(`${forgetful.username}@example.org`, { skip: 1 });
    const query = 'mutation ($t: String!) { resetPassword(token: $t, newPassword: "quite another one") }';
    expect(codesOf(await run(query, { t: tokenOf(received) }))).toEqual([]);
    await expectRefused(forgetful.token);

    const root = await rootOf(server);
    const barred = await register(server.origin);
    const { key } = await createKey(server.origin, barred.token, ['FILES_READ', 'FILES_WRITE']);
    const ticket = await new DirectClient(server.origin, barred.token).ticket({ fileSize: 5 });
    const bar = 'mutation ($id: ID!) { setUserActive(id: $id, isActive: false) { id } }';
    expect(codesOf(await run(bar, { id: barred.id }, root.accessToken))).toEqual([]);
    for (const text of [barred.token, key]) await expectRefused(text);
    expect((await sendPart(`${ticket.url}`, 'hello')).status).toBe(404);
  });
});

// CVE-2016-6210 of OpenSSH: names that nobody has were answered without the derivation, and so at once.
describe('Whether an account exists', () => {
  it('is told by a login neither in words nor in status nor in time', async () => {
    const barred = await register(server.origin);
    const root = (await login('root', 'correct horse battery')).data?.login.accessToken;
    await run(
      'mutation ($id: ID!) { setUserActive(id: $id, isActive: false) { id } }',
      { id: barred.id },
      root,
    );
    const names = {
      known: ann.username,
      barred: barred.username,
      unknown: 'nobody_at_all',
      'no name': 'x'.repeat(254),
    };
    const times = new Map<string, number[]>();
    const said = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      for (const [who, name] of Object.entries(names)) {
        const began = performance.now();
        const answer = await login(name, `a wrong password ${round}`);
        times.set(who, [...(times.get(who) ?? []), performance.now() - began]);
        const { requestId: _, ...extensions } = answer.errors[0]?.extensions ?? { code: '' };
        said.add(JSON.stringify([answer.status, answer.errors[0]?.message, extensions, answer.data]));
      }
    }
    expect([...said]).toHaveLength(1);
    const medians = [...times.values()].map((all) => all.toSorted((a, b) => a - b)[1] ?? 0);
    // Without a derivation for names that nobody has they differ more than tenfold.
    expect(Math.max(...medians)).toBeLessThan(3 * Math.min(...medians));
  });
});

describe('What a client says of itself', () => {
  const FORGED = {
    'x-forwarded-for': '203.0.113.9, 198.51.100.7',
    forwarded: 'for=203.0.113.9;host=evil.example;proto=https',
    'x-real-ip': '203.0.113.9',
    'x-client-ip': '203.0.113.9',
    'cf-connecting-ip': '203.0.113.9',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    host: 'evil.example',
  };

  // CVE-2012-4520 of Django: a reset mail whose link led where the Host header said.
  it('is neither its address nor ours: sessions, mails and links are the server’s own', async () => {
    const post = <T>(query: string, bearer?: string) =>
      send<T>(server.origin, {
        headers: {
          ...FORGED,
          'content-type': 'application/json',
          ...(bearer && { authorization: `Bearer ${bearer}` }),
        },
        body: JSON.stringify({ query }),
      });
    const input = `{ emailOrUsername: "${ann.username}", password: "${ann.password}" }`;
    const opened = await post<{ login: { accessToken: string } }>(
      `mutation { login(input: ${input}) { accessToken } }`,
    );
    const bearer = opened.data?.login.accessToken ?? '';
    const asked = await post<{ sessions: { ip: string; current: boolean }[]; file: { downloadUrl: string } }>(
      `{ sessions { ip current } file(id: "${file}") { downloadUrl } }`,
      bearer,
    );
    expect(asked.data?.sessions.find(({ current }) => current)?.ip).toBe('127.0.0.1');
    expect(new URL(asked.data?.file.downloadUrl ?? '').origin).toBe(server.origin);
    await post(`mutation { forgotPassword(email: "${ann.username}@example.org") }`);
    const received = await mail.mailTo(`${ann.username}@example.org`, { skip: 1 });
    expect(received.raw).not.toMatch(/evil\.example|203\.0\.113\.9/);
    expect(received.parsed.text).toContain(server.origin);
  });
});
