import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Account,
  gql,
  multipart,
  operationParts,
  pause,
  register,
  send,
  UPLOAD_FILE,
  upload,
  uploadHeaders,
} from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { type MailServer, startMailServer, tokenOf } from '../../support/smtp.ts';

const NEXT = 'staple correct horse';
const VERIFY = 'mutation ($token: String!) { verifyEmail(token: $token) { id username isEmailVerified } }';
const FORGOT = 'mutation ($email: String!) { forgotPassword(email: $email) }';
const RESET =
  'mutation ($token: String!, $newPassword: String!) { resetPassword(token: $token, newPassword: $newPassword) }';
const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }';
const RESEND = 'mutation { resendVerificationEmail }';
const CREATE_UPLOAD = 'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { id } }';
const NOT_VALID = 'This link is not valid any more: ask for a new one.';

let mail: MailServer;
let server: RunningServer;

beforeAll(async () => {
  mail = await startMailServer();
  server = await startServer({
    ...mail.env,
    APP_URL: 'https://app.example.org/files',
    REQUIRE_VERIFIED_EMAIL: 'true',
    LOG_LEVEL: 'debug',
    RATE_LIMITS: 'register=off,login-address=off,api=off,uploads=off,forgot=off,tokens=off',
  });
});
afterAll(async () => {
  await server.stop();
  await mail.close();
});

const run = <T = Record<string, unknown>>(query: string, variables: object = {}, token?: string) =>
  gql<T>(server.origin, query, variables, token);
const addressOf = ({ username }: Account) => `${username}@example.org`;
const mailOf = (account: Account, skip = 0) => mail.mailTo(addressOf(account), { skip });
const login = (account: Account, password: string) =>
  run(LOGIN, { input: { emailOrUsername: account.username, password } });
const count = (account: Account) => mail.mails.filter(({ to }) => to.includes(addressOf(account))).length;

describe('A new account', () => {
  it('gets a mail, in text and HTML, whose token verifies its address once', async () => {
    const ann = await register(server.origin);
    const received = await mailOf(ann);
    const { parsed } = received;
    expect(parsed.from?.text).toContain('files@service.example');
    expect(parsed.headers.get('auto-submitted')).toBe('auto-generated');
    expect(parsed.text).toContain(ann.username);
    const link = `https://app.example.org/files/verify-email?token=${tokenOf(received)}`;
    expect(parsed.text).toContain(link);
    expect(parsed.html).toContain(`href="${link}"`);
    expect(parsed.attachments).toEqual([]);

    const token = tokenOf(received);
    const answer = await run<{ verifyEmail: object }>(VERIFY, { token });
    expect(answer.data?.verifyEmail).toEqual({ id: ann.id, username: ann.username, isEmailVerified: true });
    const again = await run(VERIFY, { token });
    expect(again.errors.map(({ message, extensions }) => [extensions.code, message])).toEqual([
      ['BAD_USER_INPUT', NOT_VALID],
    ]);
    expect(server.log()).not.toContain(token);
  });

  it('is shown to who holds the token, whom it opens no session and nothing else', async () => {
    const ann = await register(server.origin);
    const token = tokenOf(await mailOf(ann));
    const answer = await run('mutation ($token: String!) { verifyEmail(token: $token) { username email } }', {
      token,
    });
    expect(answer.data).toEqual({ verifyEmail: { username: ann.username, email: addressOf(ann) } });
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  it('can have the mail again, three times an hour, and then its earlier tokens are worth nothing', async () => {
    const ann = await register(server.origin);
    const first = tokenOf(await mailOf(ann));
    for (let i = 1; i <= 3; i += 1) {
      expect((await run(RESEND, {}, ann.token)).data).toEqual({ resendVerificationEmail: true });
      await mailOf(ann, i);
    }
    const limited = await run(RESEND, {}, ann.token);
    expect(limited.errors[0]?.extensions).toMatchObject({
      code: 'RATE_LIMITED',
      retryAfter: expect.any(Number),
    });
    expect((await run(VERIFY, { token: first })).errors[0]?.message).toBe(NOT_VALID);
    expect((await run(VERIFY, { token: tokenOf(await mailOf(ann, 3)) })).errors).toEqual([]);
    expect((await run(RESEND, {}, ann.token)).data).toEqual({ resendVerificationEmail: false });
    expect((await run(RESEND)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
  });

  it('can’t write into its mails: its names stay out of them, and no address makes another header', async () => {
    const evil = 'A\r\nBcc: victim@example.org\n\n<b>evil.example';
    const username = `evil_${Date.now()}`;
    const input = {
      username,
      email: `${username}@example.org`,
      password: NEXT,
      firstName: evil,
      lastName: evil,
    };
    const registered = await run(
      'mutation ($input: RegisterInput!) { register(input: $input) { user { id } } }',
      { input },
    );
    expect(registered.errors).toEqual([]);
    const { raw, parsed, to } = await mail.mailTo(input.email);
    expect(to).toEqual([input.email]);
    expect(raw).not.toMatch(/victim|evil\.example/);
    expect(parsed.headers.has('bcc')).toBe(false);
    for (const email of [
      'a@example.org\r\nBcc: b@example.org',
      'a@example.org, b@example.org',
      '"a\r\nb"@example.org',
    ]) {
      const refused = await run(
        'mutation ($input: RegisterInput!) { register(input: $input) { user { id } } }',
        {
          input: { ...input, username: `${username}x`, email },
        },
      );
      expect(refused.errors[0]?.extensions.code, email).toBe('BAD_USER_INPUT');
    }
  });
});

describe('With REQUIRE_VERIFIED_EMAIL', () => {
  it('uploads of every kind wait for the proof, and go at once when it is there', async () => {
    const ann = await register(server.origin);
    const refused = await upload(server.origin, ann.token, { content: 'x' });
    expect(refused.errors.map(({ extensions }) => extensions.code)).toEqual(['FORBIDDEN']);
    expect(refused.errors[0]?.message).toMatch(/^Verify your email address first/);
    const input = { originalName: 'a.txt', fileSize: 1 };
    const ticket = await run(CREATE_UPLOAD, { input }, ann.token);
    expect(ticket.errors[0]?.extensions.code).toBe('FORBIDDEN');
    expect((await run(VERIFY, { token: tokenOf(await mailOf(ann)) })).errors).toEqual([]);
    expect((await upload(server.origin, ann.token, { content: 'x' })).errors).toEqual([]);
    expect((await run(CREATE_UPLOAD, { input }, ann.token)).errors).toEqual([]);
  });

  it('an upload is refused by its headers, before its body is read', async () => {
    const ann = await register(server.origin);
    const body = multipart([
      ...operationParts(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] }),
      { name: '0', filename: 'a', content: 'x' },
    ]);
    // Nothing but the headers and a first part of what they announce is ever sent.
    const answer = await send(server.origin, {
      headers: { ...uploadHeaders(ann.token), 'content-length': String(50_000_000), expect: '100-continue' },
      body: body.subarray(0, 0),
    }).catch((error: Error) => error);
    expect(answer).toMatchObject({ status: 403 });
  });
});

describe('A forgotten password', () => {
  it('is set anew by a mailed token: every session ends, the address is verified, and only the new one logs in', async () => {
    const ann = await register(server.origin);
    await mailOf(ann);
    expect((await run(FORGOT, { email: addressOf(ann).toUpperCase() })).data).toEqual({
      forgotPassword: true,
    });
    const received = await mailOf(ann, 1);
    const token = tokenOf(received);
    expect(received.parsed.text).toContain(`https://app.example.org/files/reset-password?token=${token}`);
    expect((await run(RESET, { token, newPassword: NEXT })).data).toEqual({ resetPassword: true });
    expect((await run('{ me { id } }', {}, ann.token)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    expect((await login(ann, ann.password)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    const { data } = await login(ann, NEXT);
    const { accessToken } = (data as { login: { accessToken: string } }).login;
    expect((await run('{ me { isEmailVerified } }', {}, accessToken)).data).toEqual({
      me: { isEmailVerified: true },
    });
    expect((await run(RESET, { token, newPassword: NEXT })).errors[0]?.message).toBe(NOT_VALID);
    expect(server.log()).not.toContain(token);
    expect(server.log()).not.toContain(NEXT);
  });

  it('lets exactly one of 50 parallel uses of a token succeed', async () => {
    const ann = await register(server.origin);
    await mailOf(ann);
    await run(FORGOT, { email: addressOf(ann) });
    const token = tokenOf(await mailOf(ann, 1));
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => run(RESET, { token, newPassword: `${NEXT} ${i}` })),
    );
    const won = answers.flatMap(({ data }, i) =>
      (data as { resetPassword?: true } | null)?.resetPassword ? [i] : [],
    );
    expect(won).toHaveLength(1);
    const others = answers
      .filter((_, i) => i !== won[0])
      .map(({ errors }) => [errors[0]?.extensions.code, errors[0]?.message]);
    expect(new Set(others.map(String))).toEqual(new Set([`BAD_USER_INPUT,${NOT_VALID}`]));
    expect((await login(ann, `${NEXT} ${won[0]}`)).errors).toEqual([]);
  });

  it('is answered the same whoever asks, and as fast: with an account, without, beyond the limit, for nonsense', async () => {
    const ann = await register(server.origin);
    await mailOf(ann);
    const measure = async (email: string) => {
      const began = performance.now();
      const { status, text } = await run(FORGOT, { email });
      return { text: `${status} ${text}`, ms: performance.now() - began };
    };
    await measure('warm@example.org');
    const known: number[] = [];
    const unknown: number[] = [];
    const answers = new Set<string>();
    for (let i = 0; i < 30; i += 1) {
      const [a, b] = [await measure(addressOf(ann)), await measure(`nobody${i}@example.org`)];
      known.push(a.ms);
      unknown.push(b.ms);
      answers.add(a.text).add(b.text);
    }
    for (const email of ['', 'x', `${'a'.repeat(300)}@example.org`]) answers.add((await measure(email)).text);
    expect([...answers]).toEqual(['200 {"data":{"forgotPassword":true}}\n']);
    const median = (times: number[]) => times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
    // Coarse, since the machine is shared; an account’s work takes far longer, and is done later.
    const [a, b] = [median(known), median(unknown)];
    expect(Math.abs(a - b), `${a} and ${b} ms`).toBeLessThan(Math.max(5, b / 2));
    await mailOf(ann, 1);
    await pause(1_000);
    // Tokens that were replaced before they were sent are not sent.
    expect(count(ann), 'three an hour at the most, and one for the registration').toBeLessThanOrEqual(4);
    expect(mail.mails.filter(({ to }) => String(to).startsWith('nobody'))).toEqual([]);
  });

  it('and every other mail is counted', async () => {
    const metrics = await send(server.origin, { method: 'GET', path: '/metrics' });
    const lines = metrics.text.split('\n').filter((line) => line.startsWith('mails_'));
    expect(lines).toContain('mails_waiting 0');
    expect(lines.join('\n')).toMatch(/^mails_total\{outcome="sent"\} [1-9]\d*$/m);
    expect(lines.join('\n')).not.toContain('failed');
  });
});
