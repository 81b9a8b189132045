import mongoose from 'mongoose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Account, type Answer, gql, register } from '../../support/client.ts';
import { codeOf, nextCodeOf } from '../../support/one-time-code.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

type Login = { login: { accessToken: string; user: { hasSecondFactor: boolean } } };

const LOGIN =
  'mutation ($input: LoginInput!) { login(input: $input) { accessToken user { id hasSecondFactor } } }';
const BEGIN = 'mutation ($password: String!) { beginSecondFactor(password: $password) { secret uri } }';
const CONFIRM = 'mutation ($code: String!) { confirmSecondFactor(code: $code) }';
const DISABLE =
  'mutation ($password: String!, $code: String!) { disableSecondFactor(password: $password, code: $code) }';
const RESET = 'mutation ($id: ID!) { resetSecondFactor(userId: $id) }';

let server: RunningServer;
let database: mongoose.Connection;

beforeAll(async () => {
  // So many logins at once are more than guesses may be; the limit of codes itself stays on.
  const off = ['register', 'login-address', 'login-account', 'login-total', 'api'].map(
    (name) => `${name}=off`,
  );
  server = await startServer({ RATE_LIMITS: off.join(',') });
  database = await mongoose.createConnection(server.env.MONGODB_URI ?? '').asPromise();
});
afterAll(async () => {
  await database.close();
  await server.stop();
});

const login = ({ username, password }: Account, code?: string) =>
  gql<Login>(server.origin, LOGIN, { input: { emailOrUsername: username, password, code } });
const codeOfError = ({ errors }: Answer<unknown>) => errors[0]?.extensions.code;

/** Somebody whose account has a second factor; the code that confirmed it is used up. */
async function factored(): Promise<Account & { secret: string; codes: string[] }> {
  const account = await register(server.origin);
  const begun = await gql<{ beginSecondFactor: { secret: string; uri: string } }>(
    server.origin,
    BEGIN,
    { password: account.password },
    account.token,
  );
  const { secret = '', uri = '' } = begun.data?.beginSecondFactor ?? {};
  expect(new URL(uri).searchParams.get('secret')).toBe(secret);
  const code = codeOf(secret);
  const confirmed = await gql<{ confirmSecondFactor: string[] }>(
    server.origin,
    CONFIRM,
    { code },
    account.token,
  );
  return { ...account, secret, codes: confirmed.data?.confirmSecondFactor ?? [] };
}

test('a login without a code says that one is needed, in a way that a client can tell', async () => {
  const ann = await factored();
  const without = await login(ann);
  expect(without.errors[0]?.extensions).toMatchObject({
    code: 'UNAUTHENTICATED',
    issues: [{ field: 'code', message: expect.any(String) }],
  });
  const wrongPassword = await login({ ...ann, password: 'wrong horse' }, nextCodeOf(ann.secret));
  expect(wrongPassword.errors[0]?.extensions).toEqual({
    code: 'UNAUTHENTICATED',
    requestId: expect.any(String),
  });
  const { data } = await login(ann, nextCodeOf(ann.secret));
  expect(data?.login.user.hasSecondFactor).toBe(true);
});

test('of fifty logins at once with one code exactly one succeeds', { timeout: 120_000 }, async () => {
  const ann = await factored();
  const code = nextCodeOf(ann.secret);
  const answers = await Promise.all(Array.from({ length: 50 }, () => login(ann, code)));
  expect(answers.filter(({ data }) => data)).toHaveLength(1);
  const refusals = new Set(answers.filter(({ data }) => !data).map(codeOfError));
  expect([...refusals].sort()).toEqual(['RATE_LIMITED', 'UNAUTHENTICATED']);
});

test('of fifty logins at once with one recovery code exactly one succeeds, and none is too many', {
  timeout: 120_000,
}, async () => {
  const ann = await factored();
  const answers = await Promise.all(Array.from({ length: 50 }, () => login(ann, ann.codes[0])));
  expect(answers.filter(({ data }) => data)).toHaveLength(1);
  expect(new Set(answers.filter(({ data }) => !data).map(codeOfError))).toEqual(new Set(['UNAUTHENTICATED']));
  expect((await login(ann, ann.codes[1])).data).toBeTruthy();
});

test('wrong codes are limited, and a recovery code still lets the owner in', async () => {
  const ann = await factored();
  const codes = [];
  for (let i = 0; i < 6; i += 1) codes.push(codeOfError(await login(ann, '000000')));
  expect(codes).toEqual([...Array(5).fill('UNAUTHENTICATED'), 'RATE_LIMITED']);
  const limited = await login(ann, nextCodeOf(ann.secret));
  expect(limited.errors[0]?.extensions).toMatchObject({
    code: 'RATE_LIMITED',
    retryAfter: expect.any(Number),
  });
  expect((await login(ann, ann.codes[9])).data).toBeTruthy();
});

test('confirming ends the other sessions, and the one that did it goes on', async () => {
  const bob = await register(server.origin);
  const other = (await login(bob)).data?.login.accessToken ?? '';
  const me = async (token: string) => (await gql(server.origin, '{ me { id } }', {}, token)).data;
  expect(await me(other)).toBeTruthy();
  const begun = await gql<{ beginSecondFactor: { secret: string } }>(
    server.origin,
    BEGIN,
    { password: bob.password },
    bob.token,
  );
  const code = codeOf(begun.data?.beginSecondFactor.secret ?? '');
  await gql(server.origin, CONFIRM, { code }, bob.token);
  expect(await me(other)).toBeNull();
  expect(await me(bob.token)).toBeTruthy();
});

test('it is switched off with the password and a code, and a wrong one says so without ending the session', async () => {
  const ann = await factored();
  const off = (code: string) =>
    gql<{ disableSecondFactor: boolean }>(
      server.origin,
      DISABLE,
      { password: ann.password, code },
      ann.token,
    );
  const wrong = await off('000000');
  expect(wrong.errors[0]?.extensions).toMatchObject({
    code: 'BAD_USER_INPUT',
    issues: [expect.objectContaining({ field: 'code' })],
  });
  expect((await off(nextCodeOf(ann.secret))).data?.disableSecondFactor).toBe(true);
  expect((await login(ann)).data?.login.user.hasSecondFactor).toBe(false);
});

test('only an administrator resets another’s, and whether one has it is nobody else’s to see', async () => {
  const ann = await factored();
  const boss = await register(server.origin);
  expect(codeOfError(await gql(server.origin, RESET, { id: ann.id }, boss.token))).toBe('FORBIDDEN');
  await database.collection('users').updateOne({ username: boss.username }, { $set: { role: 'ADMIN' } });
  const token = (await login(boss)).data?.login.accessToken;
  const reset = await gql<{ resetSecondFactor: boolean }>(server.origin, RESET, { id: ann.id }, token);
  expect(reset.data?.resetSecondFactor).toBe(true);
  expect((await login(ann)).data).toBeTruthy();
  const [act] = await database
    .collection('auditevents')
    .find({ action: 'SECOND_FACTOR_DISABLED', subjectId: new mongoose.Types.ObjectId(ann.id) })
    .toArray();
  expect(act).toMatchObject({ actorId: new mongoose.Types.ObjectId(boss.id), ip: expect.any(String) });
});

test('neither a secret nor a code gets into the log', async () => {
  const ann = await factored();
  await login(ann, ann.codes[0]);
  await login(ann, '000000');
  for (const secret of [ann.secret, ...ann.codes, ann.password]) expect(server.log()).not.toContain(secret);
});
