import { createConnection } from 'mongoose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOGIN, rootOf } from '../../support/administrator.ts';
import { type Account, gql, register, send, upload } from '../../support/client.ts';
import { DirectClient, sendPart } from '../../support/direct-upload.ts';
import { createKey } from '../../support/keys.ts';
import { codeOf, nextCodeOf } from '../../support/one-time-code.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { masterKey } from '../../support/sealed-server.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { type MailServer, startMailServer, tokenOf } from '../../support/smtp.ts';
import { TestSocket } from '../../support/socket.ts';

const SECRET = 'a secret of the tests with at least 32 characters';
const MASTER = masterKey('first').slice('first:'.length);
const METRICS = 'the token of the metrics page';
const NEXT = 'N3xt correct & horse';

let mail: MailServer;
let server: RunningServer;
let ann: Account;
/** Every secret there is, by what it is. */
const secrets = new Map<string, string>();
/** Answers to what was wrong. */
const answers: string[] = [];

beforeAll(async () => {
  mail = await startMailServer();
  server = await startServer({
    ...mail.env,
    JWT_SECRET: SECRET,
    ENCRYPTION_KEYS: `first:${MASTER}`,
    METRICS_TOKEN: METRICS,
    LOG_LEVEL: 'trace',
    NODE_ENV: 'development',
    RATE_LIMITS:
      'register=off,login-address=off,login-account=off,login-total=off,second-factor=off,api=off,uploads=off,forgot=off,tokens=off',
  });
  ann = await register(server.origin);
});
afterAll(async () => {
  await server.stop();
  await mail.close();
});

const run = <T = Record<string, string>>(query: string, variables = {}, token = ann.token) =>
  gql<T>(server.origin, query, variables, token);
const get = (path: string, headers: Record<string, string> = {}) =>
  send(server.origin, { method: 'GET', path, headers });
const note = (what: string, secret: string | undefined) => {
  expect(secret?.length ?? 0, what).toBeGreaterThan(5);
  secrets.set(what, secret ?? '');
};
const login = (password: string, code?: string, emailOrUsername = ann.username) =>
  gql<{ login: { refreshToken: string; accessToken: string } }>(server.origin, LOGIN, {
    input: { emailOrUsername, password, code },
  });
/** The address as a path, with and without its signature being right. */
const pathsOf = (url: string) => {
  const { pathname, search } = new URL(url);
  return [pathname + search, `${pathname}${search}x`, `/nowhere${search}`, `/files/x/content${search}`];
};

/** Opens sessions and ends them, and uses what is mailed, twice. */
async function useSessions(): Promise<void> {
  const opened = (await login(ann.password)).data?.login;
  note('refresh token', opened?.refreshToken);
  const refresh = 'mutation ($t: String!) { refreshToken(refreshToken: $t) { refreshToken accessToken } }';
  const refreshed = await run<{ refreshToken: { refreshToken: string } }>(refresh, {
    t: opened?.refreshToken,
  });
  note('next refresh token', refreshed.data?.refreshToken.refreshToken);
  answers.push((await run(refresh, { t: `${opened?.refreshToken}` })).text);
  const verify = tokenOf(await mail.mailTo(`${ann.username}@example.org`));
  note('verification token', verify);
  for (const token of [verify, verify]) {
    answers.push(
      (await run('mutation ($token: String!) { verifyEmail(token: $token) { id } }', { token })).text,
    );
    await get(`/verify-email?token=${token}`);
  }
  await run('mutation ($e: String!) { forgotPassword(email: $e) }', { e: `${ann.username}@example.org` });
  const reset = tokenOf(await mail.mailTo(`${ann.username}@example.org`, { skip: 1 }));
  note('reset token', reset);
  await get(`/reset-password?token=${reset}`);
  const resetting = 'mutation ($t: String!, $p: String!) { resetPassword(token: $t, newPassword: $p) }';
  answers.push((await run(resetting, { t: reset, p: 'short' })).text);
  expect((await run(resetting, { t: reset, p: NEXT })).errors).toEqual([]);
  answers.push((await run(resetting, { t: reset, p: NEXT })).text);
  ann = { ...ann, password: NEXT, token: (await login(NEXT)).data?.login.accessToken ?? '' };
  note('second access token', ann.token);
}

async function useSecondFactor(): Promise<void> {
  const begun = await run<{ beginSecondFactor: { secret: string; uri: string } }>(
    'mutation ($p: String!) { beginSecondFactor(password: $p) { secret uri } }',
    { p: NEXT },
  );
  const totp = begun.data?.beginSecondFactor.secret ?? '';
  note('secret of the second factor', totp);
  const code = codeOf(totp);
  const confirmed = await run<{ confirmSecondFactor: string[] }>(
    'mutation ($c: String!) { confirmSecondFactor(code: $c) }',
    { c: code },
  );
  const [recovery = '', another = ''] = confirmed.data?.confirmSecondFactor ?? [];
  note('recovery code', recovery);
  note('another recovery code', another);
  const next = nextCodeOf(totp);
  expect((await login(NEXT, next)).errors).toEqual([]);
  expect((await login(NEXT, recovery)).errors).toEqual([]);
  for (const wrong of [next, recovery, `${another}x`]) answers.push((await login(NEXT, wrong)).text);
}

async function useKeysAndAddresses(): Promise<void> {
  const { key, id: keyId } = await createKey(server.origin, ann.token, ['FILES_READ', 'ACCOUNT_READ']);
  note('API key', key);
  const stored = await upload(server.origin, ann.token, { content: 'x', filename: `${key}.txt` });
  const file = stored.data?.uploadFile.id;
  const linked = await run<{ file: { downloadUrl: string } }>(
    `{ file(id: "${file}") { downloadUrl } }`,
    {},
    key,
  );
  const exported = await run<{ exportMyData: { url: string } }>('{ exportMyData { url } }');
  const ticket = await new DirectClient(server.origin, ann.token).ticket({ fileSize: 5 });
  for (const [what, url] of [
    ['a content', linked.data?.file.downloadUrl],
    ['an export', exported.data?.exportMyData.url],
    ['a part', `${ticket.url}`],
  ] as const) {
    note(`signature of ${what}`, new URL(`${url}`).searchParams.get('signature') ?? '');
    for (const path of pathsOf(`${url}`)) {
      await get(path, { authorization: `Bearer ${key}`, referer: `${url}`, 'user-agent': `browser ${key}` });
      await sendPart(server.origin + path, 'hello');
    }
  }
  for (const bearer of [key, `${key}x`, `${ann.token}x`, secrets.get('next refresh token') ?? '']) {
    await get(`/files/${file}/content?token=${bearer}`, { authorization: `Bearer ${bearer}` });
    await get('/metrics', { authorization: `Bearer ${METRICS}${bearer}` });
    const socket = await TestSocket.open(server.origin);
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${bearer}` } });
    socket.send({ type: 'subscribe', id: bearer, payload: { query: `{ ${NEXT} }` } });
    socket.ws.close();
    await socket.closed;
  }
  await run('mutation ($id: ID!) { revokeApiKey(id: $id) { id } }', { id: keyId });
}

/** What is quoted where something is wrong: addresses, documents, names of variables, headers, a broken database. */
async function makeMistakes(): Promise<void> {
  const key = secrets.get('API key') ?? '';
  const all = [...secrets.values()].map(encodeURIComponent);
  for (const text of all) await get(`/nowhere?${text}=${text}`, { cookie: `x=${text}` });
  // A document is quoted to who wrote it, and to nobody else.
  await run(`query ($p: Int = "${NEXT}") { me { id } }`);
  await run(`mutation { changePassword(oldPassword: "${NEXT}", newPassword: "x") }`);
  answers.push((await run('mutation ($p: [String]) { deleteAccount(password: $p) }', { p: [NEXT] })).text);
  const connection = await RawConnection.open(server.origin);
  connection.begin({
    'content-length': 'x',
    authorization: `Bearer ${ann.token}`,
    cookie: `imaginary_refresh=${key}`,
  });
  await connection.ended();
  const database = await createConnection(server.env.MONGODB_URI ?? '').asPromise();
  await database.collection('users').updateOne({ username: ann.username }, { $set: { createdAt: 'broken' } });
  answers.push((await run('{ me { createdAt } }')).text);
  await database.close();
}

/** Where the secret stands in the text, as it is or in another form; empty where it does not. */
function found(text: string, secret: string): string {
  const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
  const at = forms.map((form) => text.indexOf(form)).find((place) => place >= 0);
  return at === undefined ? '' : text.slice(Math.max(0, at - 200), at + 300);
}

// CVE-2022-31051 of semantic-release and CWE-532: what is in a log is read by many who may not use it.
describe('No secret', () => {
  beforeAll(async () => {
    note('password', ann.password);
    note('access token', ann.token);
    for (const [what, secret] of Object.entries({ SECRET, MASTER, METRICS, NEXT })) note(what, secret);
    await useSessions();
    await useSecondFactor();
    await useKeysAndAddresses();
    await makeMistakes();
    await rootOf(server);
    expect(secrets.size).toBeGreaterThan(15);
  }, 120_000);

  it('is in the log at its most talkative, whatever was done with it', () => {
    const log = server.log();
    expect(log.split('\n').length).toBeGreaterThan(60);
    for (const [what, secret] of secrets) expect(found(log, secret), what).toBe('');
    expect(log).not.toMatch(/Bearer|\$scrypt|signature=|"code":\s*"\d{6}"/);
  });

  it('is in the metrics', async () => {
    const { status, text } = await get('/metrics', { authorization: `Bearer ${METRICS}` });
    expect(status).toBe(200);
    for (const [what, secret] of secrets) expect(found(text, secret), what).toBe('');
  });

  it('is in the answer to what was wrong', () => {
    const refusals = answers.filter((text) => !/"data":\{/.test(text));
    expect(refusals.length).toBeGreaterThan(5);
    for (const text of refusals) {
      for (const [what, secret] of secrets) expect(found(text, secret), what).toBe('');
    }
  });
});

// CWE-117: a line that its reader takes for one of ours.
it('What a client sends begins no line of the log', async () => {
  const lines = server.log().split('\n').length;
  const line = '\r\n{"level":30,"msg":"a forged line"}\r\n\u001b[31m';
  await run('query ($id: ID!) { file(id: $id) { id } }', { id: line });
  await upload(server.origin, ann.token, { content: 'x', filename: encodeURIComponent(line) });
  await get(`/${encodeURIComponent(line)}`, { 'user-agent': 'forged', 'x-request-id': 'a b\tforged' });
  await login('x'.repeat(20), undefined, line);
  expect(server.log().split('\n').length).toBeGreaterThan(lines);
  expect(server.log()).not.toMatch(/^\{"level":30,"msg":"a forged line"/m);
  expect(server.log()).not.toContain('\u001b[31m{');
});
