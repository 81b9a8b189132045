import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gql, register, send } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { startMailServer } from '../../support/smtp.ts';

const FORGOT = 'mutation ($email: String!) { forgotPassword(email: $email) }';
const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { user { isEmailVerified } } }';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const STRICT =
  /^default-src 'none'; style-src 'sha256-[^']+'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/;

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({ LOG_LEVEL: 'info' });
});
afterAll(() => server.stop());

const get = (path: string, headers = {}) => send(server.origin, { method: 'GET', path, headers });
const post = (path: string, fields: Record<string, string>) =>
  send(server.origin, { path, headers: FORM, body: new URLSearchParams(fields).toString() });

/** The newest link of the mailbox that leads to this page. */
async function linkTo(page: string, address: string): Promise<URL> {
  const find = async () => {
    const articles = (await get('/dev/mailbox')).text
      .split('<article>')
      .filter((text) => text.includes(address));
    return articles
      .flatMap((text) => /href="([^"]*)"/.exec(text)?.[1] ?? [])
      .find((link) => link.includes(page));
  };
  await expect.poll(find, { timeout: 10_000 }).toBeDefined();
  return new URL((await find()) ?? '');
}

function expectPage(answer: Awaited<ReturnType<typeof get>>): void {
  expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(answer.headers['content-security-policy']).toMatch(STRICT);
  expect(answer.headers['referrer-policy']).toBe('no-referrer');
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.text).not.toMatch(/<script|\bon\w+=|\bsrc=/i);
}

describe('A development server without a mail server', () => {
  it('keeps mails in a mailbox, whose links lead to pages of its own, and tells the log of them', async () => {
    const ann = await register(server.origin);
    const link = await linkTo('/verify-email', ann.username);
    expect(link.origin).toBe(server.origin);
    await expect.poll(() => server.log(), { timeout: 10_000 }).toContain(link.href);
    expectPage(await get('/dev/mailbox'));
  });

  it('shows the mailbox to its own machine alone, under a name of that machine and through no proxy', async () => {
    expect((await get('/dev/mailbox', { host: 'rebound.example' })).status).toBe(403);
    expect((await get('/dev/mailbox', { host: 'localhost:4000' })).status).toBe(200);
    for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via']) {
      const through = await get('/dev/mailbox', { host: 'localhost:4000', [name]: '203.0.113.9' });
      expect([name, through.status]).toEqual([name, 403]);
    }
  });

  it('verifies an address by its page, which changes nothing when it is just opened', async () => {
    const ann = await register(server.origin);
    const link = await linkTo('/verify-email', ann.username);
    const token = link.searchParams.get('token') ?? '';
    for (let i = 0; i < 3; i += 1) {
      const page = await get(link.pathname + link.search);
      expect(page.status).toBe(200);
      expectPage(page);
      expect(page.text).toContain(`<input type="hidden" name="token" value="${token}">`);
      expect(page.text).toContain('<form method="post" action="/verify-email">');
    }
    await send(server.origin, { method: 'HEAD', path: link.pathname + link.search });
    const verified = await post('/verify-email', { token });
    expectPage(verified);
    expect([verified.status, verified.text.includes('Your address is verified')]).toEqual([200, true]);
    const again = await post('/verify-email', { token });
    expect([again.status, again.text.includes('This link is not valid any more')]).toEqual([400, true]);
  });

  it('sets a new password by its page, and keeps the token when the password was not good enough', async () => {
    const ann = await register(server.origin);
    const email = `${ann.username}@example.org`;
    await gql(server.origin, FORGOT, { email });
    const link = await linkTo('/reset-password', ann.username);
    const token = link.searchParams.get('token') ?? '';
    expectPage(await get(link.pathname + link.search));
    const short = await post('/reset-password', { token, newPassword: 'short' });
    expect(short.status).toBe(400);
    expect(short.text).toContain('A password has 8 to 200 characters.');
    expect(short.text).toContain(`value="${token}"`);
    expect(short.text).not.toContain('short');
    const newPassword = 'staple correct horse';
    const changed = await post('/reset-password', { token, newPassword });
    expectPage(changed);
    expect(changed.status).toBe(200);
    const login = await gql<{ login: object }>(server.origin, LOGIN, {
      input: { emailOrUsername: email, password: newPassword },
    });
    expect(login.data?.login).toEqual({ user: { isEmailVerified: true } });
    expect((await post('/reset-password', { token, newPassword })).status).toBe(400);
  });

  it('tells by no header whether an address is known, however long the answer takes', async () => {
    const [known, asker] = [await register(server.origin), await register(server.origin)];
    const logins = Array.from({ length: 10 }, (_, i) => `l${i}: login(input: $input) { accessToken }`);
    const query = `mutation ($email: String!, $input: LoginInput!) { forgotPassword(email: $email) ${logins.join(' ')} }`;
    const input = { emailOrUsername: asker.username, password: asker.password };
    const limitsFor = async (email: string) => {
      const body = JSON.stringify({ query, variables: { email, input } });
      const headers = { 'content-type': 'application/json' };
      const answer = await send(server.origin, { headers, body });
      expect(answer.errors).toEqual([]);
      return answer.headers['ratelimit-policy'];
    };
    expect(await limitsFor(`${known.username}@example.org`)).toEqual(await limitsFor('nobody@example.org'));
  });

  it.each<[string, string]>([
    ['markup', '"><script>alert(1)</script>'],
    ['nothing', ''],
    ['another form', '0'.repeat(64)],
    ['too much', 'x'.repeat(5_000)],
  ])('answers a token that is %s with a page or an error, and runs none of it', async (_name, token) => {
    for (const path of ['/verify-email', '/reset-password']) {
      const page = await get(`${path}?token=${encodeURIComponent(token)}`);
      expect(page.text).not.toContain('<script');
      const answer = await post(path, { token, newPassword: 'staple correct horse' });
      expect([400, 413]).toContain(answer.status);
      expect(answer.text).not.toContain('<script');
    }
  });

  it('takes forms alone, and nothing in other bodies', async () => {
    const json = await send(server.origin, {
      path: '/verify-email',
      headers: { 'content-type': 'application/json' },
      body: '{"token":"x"}',
    });
    expect(json.status).toBe(400);
  });
});

describe('The mailbox page', () => {
  it.each<[string, Record<string, string>]>([
    ['in production', { NODE_ENV: 'production', JWT_SECRET: 'x'.repeat(40) }],
    ['with a mail server', {}],
  ])('is not there %s', async (name, env) => {
    const mail = await startMailServer();
    const other = await startServer({ ...env, ...(name === 'with a mail server' && mail.env) });
    try {
      expect((await send(other.origin, { method: 'GET', path: '/dev/mailbox' })).status).toBe(404);
      if (name !== 'in production') return;
      expect(other.log()).toContain('EMAIL_HOST is not set');
      const ann = await register(other.origin);
      await expect.poll(waiting, { timeout: 10_000 }).toBe('1');
      expect(other.log()).not.toContain('token=');
      expect(ann.id).toBeDefined();
    } finally {
      await other.stop();
      await mail.close();
    }
    async function waiting() {
      const { text } = await send(other.origin, { method: 'GET', path: '/metrics' });
      return /^mails_waiting (\d+)$/m.exec(text)?.[1];
    }
  });

  it('and the pages of links are not there where a frontend has its own', async () => {
    const other = await startServer({ APP_URL: 'https://app.example.org' });
    try {
      const paths = ['/verify-email?token=x', '/reset-password?token=x'];
      const answers = await Promise.all(paths.map((path) => send(other.origin, { method: 'GET', path })));
      expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    } finally {
      await other.stop();
    }
  });
});
