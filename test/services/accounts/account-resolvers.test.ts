import { type GraphQLSchema, graphql, printSchema } from 'graphql';
import { buildSchema } from 'type-graphql';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { AccountResolver, StorageUsageResolver } from '../../../src/graphql/accounts/account-resolver.ts';
import { PrivateFactsResolver } from '../../../src/graphql/accounts/private-facts-resolver.ts';
import { SessionResolver } from '../../../src/graphql/accounts/session-resolver.ts';
import type { Context, RefreshCookie } from '../../../src/graphql/context.ts';
import { Role, type User } from '../../../src/models/user.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { accountServices, CLIENT, newAccount, PASSWORD } from '../../support/accounts.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let node: ReturnType<typeof accountServices>;
let schema: GraphQLSchema;

beforeAll(async () => {
  database = await openTestDatabase();
  node = accountServices(database.collections);
  schema = await buildSchema({
    resolvers: [AccountResolver, PrivateFactsResolver, SessionResolver, StorageUsageResolver],
    validate: { validationError: { target: false, value: false } },
  });
});
afterAll(() => database.close());

const cookieOf = (wanted: boolean, token?: string): RefreshCookie => ({
  wanted,
  token,
  set: vi.fn(),
  clear: vi.fn(),
});
let refreshCookie: RefreshCookie;
beforeEach(() => {
  refreshCookie = cookieOf(false);
});

async function run(
  source: string,
  viewer: Viewer | null = null,
  variableValues: Record<string, unknown> = {},
) {
  const contextValue = { viewer, services: node, client: CLIENT, refreshCookie } as unknown as Context;
  const { data, errors } = await graphql({ schema, source, contextValue, variableValues });
  return {
    data: JSON.parse(JSON.stringify(data ?? null)),
    code: (errors?.[0]?.originalError as { code?: string } | undefined)?.code,
    error: errors?.[0]?.message,
  };
}

const REGISTER = `mutation ($input: RegisterInput!) { register(input: $input) {
  accessToken refreshToken expiresAt user { id username email avatarUrl role usage { usedBytes quotaBytes fileCount } }
} }`;
const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { refreshToken user { email } } }';
const REFRESH =
  'mutation ($token: String) { refreshToken(refreshToken: $token) { accessToken refreshToken user { email } } }';

async function registered() {
  const input = newAccount();
  const { data } = await run(REGISTER, null, { input });
  return {
    input,
    payload: data.register,
    viewer: await node.sessions.authenticate(data.register.accessToken),
  };
}

test('whoever registers, logs in or refreshes sees the own email and usage in the answer', async () => {
  const { input, payload } = await registered();
  expect(payload.user).toMatchObject({
    username: input.username,
    email: input.email,
    avatarUrl: null,
    role: 'USER',
  });
  expect(payload.user.usage).toEqual({ usedBytes: 0, quotaBytes: 1_000_000, fileCount: 0 });
  const login = { emailOrUsername: input.username, password: PASSWORD };
  expect((await run(LOGIN, null, { input: login })).data.login.user.email).toBe(input.email);
  const refreshed = await run(REFRESH, null, { token: payload.refreshToken });
  expect(refreshed.data.refreshToken.user.email).toBe(input.email);
});

test('what others could misuse of an account is shown to its owner and to administrators, to others never', async () => {
  const ann = await registered();
  const bob = await registered();
  const me = '{ me { id email usage { fileCount } } }';
  expect((await run(me, ann.viewer)).data.me).toMatchObject({
    email: ann.input.email,
    usage: { fileCount: 0 },
  });

  const find = vi.spyOn(node.accounts, 'find');
  const annsAccount = (await node.accounts.findMany([ann.payload.user.id]))[0] as User;
  const asked = async (viewer: Viewer, field: string) => {
    find.mockResolvedValueOnce(annsAccount);
    return run(`{ me { ${field} } }`, viewer);
  };
  const privateFields = ['email', 'usage { fileCount }', 'role', 'isActive', 'isEmailVerified', 'updatedAt'];
  for (const field of [...privateFields, 'lastLogin']) {
    expect(await asked(bob.viewer, field)).toMatchObject({ code: 'FORBIDDEN', error: 'not authorised' });
    expect((await asked({ ...bob.viewer, role: Role.ADMIN }, field)).error).toBeUndefined();
  }
  find.mockRestore();
});

test.each([
  ['{ me { id } }'],
  ['{ sessions { id } }'],
  ['mutation { logout }'],
  ['mutation { logoutAll }'],
  ['mutation { revokeSession(id: "64b000000000000000000001") }'],
  ['mutation { changePassword(oldPassword: "correct horse", newPassword: "another battery") }'],
  ['mutation { updateProfile(input: { firstName: "x" }) { id } }'],
  ['mutation { deleteAccount(password: "correct horse") }'],
])('%s needs a login', async (source) => {
  expect(await run(source)).toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('the session of the request is marked as the current one', async () => {
  const { input, viewer } = await registered();
  await run(LOGIN, null, { input: { emailOrUsername: input.email, password: PASSWORD } });
  const { data } = await run('{ sessions { id current userAgent ip expiresAt } }', viewer);
  expect(data.sessions).toHaveLength(2);
  const current = data.sessions.filter((session: { current: boolean }) => session.current);
  expect(current).toEqual([
    expect.objectContaining({ id: viewer.sessionId?.toHexString(), userAgent: 'test' }),
  ]);
});

test('profile, password, sessions and the account itself are changed by their mutations', async () => {
  const { viewer, payload } = await registered();
  const other = await node.sessions.create({ _id: viewer.userId }, CLIENT);
  expect(
    (await run('mutation { updateProfile(input: { firstName: "Ann" }) { firstName lastName } }', viewer))
      .data,
  ).toEqual({
    updateProfile: { firstName: 'Ann', lastName: null },
  });
  expect(
    (await run(`mutation { revokeSession(id: "${other.sessionId.toHexString()}") }`, viewer)).data
      .revokeSession,
  ).toBe(true);
  const change = `mutation { changePassword(oldPassword: "${PASSWORD}", newPassword: "another battery") }`;
  expect((await run(change, viewer)).data.changePassword).toBe(true);
  expect(
    (await run('mutation { deleteAccount(password: "another battery") }', viewer)).data.deleteAccount,
  ).toBe(true);
  await expect(node.sessions.authenticate(payload.accessToken)).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
  });
});

test('an input that breaks a rule is refused before any work, and an address may bring spaces', async () => {
  for (const bad of [
    { username: 'a b' },
    { email: 'nobody' },
    { password: 'short12' },
    { firstName: 'x'.repeat(51) },
  ]) {
    const { error } = await run(REGISTER, null, { input: newAccount(bad) });
    expect(error).toBe('Argument Validation Error');
  }
  const spaced = newAccount();
  const { data } = await run(REGISTER, null, { input: { ...spaced, email: ` ${spaced.email} ` } });
  expect(data.register.user.email).toBe(spaced.email);
});

test('in cookie mode the refresh token travels in the cookie alone, both ways, and logout clears it', async () => {
  refreshCookie = cookieOf(true);
  const { payload, viewer } = await registered();
  expect(payload.refreshToken).toBe('');
  const [token, expiresAt] = vi.mocked(refreshCookie.set).mock.calls[0] ?? [];
  expect(expiresAt?.getTime()).toBeGreaterThan(Date.now() + 6 * 86_400_000);

  refreshCookie = cookieOf(true, token);
  expect((await run(REFRESH)).data.refreshToken).toMatchObject({
    refreshToken: '',
    accessToken: expect.any(String),
  });
  expect(vi.mocked(refreshCookie.set).mock.calls[0]?.[0]).not.toBe(token);
  await run('mutation { logout }', viewer);
  expect(refreshCookie.clear).toHaveBeenCalledTimes(1);
});

test('a cookie whose token is refused is cleared', async () => {
  refreshCookie = cookieOf(true, 'A'.repeat(64));
  expect(await run(REFRESH)).toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(refreshCookie.clear).toHaveBeenCalledTimes(1);
});

test('without a token, a refresh says what is missing', async () => {
  expect(await run(REFRESH)).toMatchObject({ code: 'BAD_USER_INPUT' });
  refreshCookie = cookieOf(true);
  expect(await run(REFRESH)).toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('no secret of an account or a session is in the schema, and every field and argument is described', () => {
  const text = printSchema(schema);
  for (const secret of ['tokenHash', 'family', 'deletedAt', 'claims']) expect(text).not.toContain(secret);
  for (const type of Object.values(schema.getTypeMap())) {
    if (
      type.name.startsWith('__') ||
      !('getFields' in type) ||
      type.name === 'Query' ||
      type.name === 'Mutation'
    )
      continue;
    expect(type.description, type.name).toBeTruthy();
    for (const field of Object.values(type.getFields()))
      expect(field.description, `${type.name}.${field.name}`).toBeTruthy();
  }
  for (const root of [schema.getQueryType(), schema.getMutationType()]) {
    for (const field of Object.values(root?.getFields() ?? {})) {
      expect(field.description, field.name).toBeTruthy();
      for (const arg of field.args) expect(arg.description, `${field.name}(${arg.name})`).toBeTruthy();
    }
  }
});
