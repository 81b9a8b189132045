import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SignedIn } from '../../../src/services/sessions/sessions.ts';
import { accountServices, CLIENT, newAccount, PASSWORD } from '../../support/accounts.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let node: ReturnType<typeof accountServices>;
let ann: SignedIn;
let annAgain: SignedIn;
let bob: SignedIn;

const UNAUTHENTICATED = { code: 'UNAUTHENTICATED' };
const NOT_FOUND = { code: 'NOT_FOUND' };
const DAY_MS = 86_400_000;

const sees = ({ tokens }: SignedIn) => node.sessions.authenticate(tokens.accessToken);
const refreshes = ({ tokens }: SignedIn) => node.sessions.refresh(tokens.refreshToken);
const documentOf = ({ tokens }: SignedIn) =>
  database.collections.sessions.findById(tokens.sessionId).select('+tokenHash +family').orFail().lean();

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
  node = accountServices(database.collections);
  const account = newAccount();
  ann = await node.accounts.register(account, CLIENT);
  annAgain = await node.accounts.login({ emailOrUsername: account.username, password: PASSWORD }, CLIENT);
  bob = await node.accounts.register(newAccount(), CLIENT);
});

test('an access token speaks for its user, its session and its role', async () => {
  expect(await sees(ann)).toEqual({
    userId: ann.user._id,
    sessionId: ann.tokens.sessionId,
    role: 'USER',
    isEmailVerified: false,
  });
});

test('nothing that is stored can be used as a token', async () => {
  const stored = JSON.stringify(await documentOf(ann));
  expect(stored).not.toContain(ann.tokens.refreshToken);
  const { tokenHash, family } = await documentOf(ann);
  await expect(node.sessions.refresh(tokenHash)).rejects.toMatchObject(UNAUTHENTICATED);
  await expect(node.sessions.refresh(family)).rejects.toMatchObject(UNAUTHENTICATED);
});

test('a login keeps at most 300 characters of the User-Agent', async () => {
  const tokens = await node.sessions.create(ann.user, { ip: null, userAgent: 'x'.repeat(10_000) });
  const session = await database.collections.sessions.findById(tokens.sessionId).lean();
  expect(session?.userAgent).toHaveLength(300);
});

test('a refresh gives new tokens for the same session and moves its end to 7 days from now', async () => {
  const soon = new Date(Date.now() + DAY_MS);
  await database.collections.sessions.updateOne({ _id: ann.tokens.sessionId }, { $set: { expiresAt: soon } });
  const renewed = await refreshes(ann);
  expect(renewed.tokens.refreshToken).not.toBe(ann.tokens.refreshToken);
  expect(renewed.tokens.refreshExpiresAt.getTime()).toBeGreaterThan(Date.now() + 6.9 * DAY_MS);
  expect(await sees(renewed)).toMatchObject({ sessionId: ann.tokens.sessionId });
  expect(renewed.user).toMatchObject({ id: ann.user.id, username: ann.user.username });
  expect(await refreshes(renewed)).toBeDefined();
});

test('concurrent uses of one refresh token succeed exactly once', async () => {
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => refreshes(ann)));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a second use of an old token, however old, ends its session and access tokens at once, and no other', async () => {
  let latest = ann;
  for (let i = 0; i < 3; i++) latest = await refreshes(latest);
  await sees(latest);
  await expect(refreshes(ann)).rejects.toMatchObject(UNAUTHENTICATED);
  await expect(refreshes(latest)).rejects.toMatchObject(UNAUTHENTICATED);
  await expect(sees(latest)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(await sees(annAgain)).toBeDefined();
});

test('a session past its end is over although MongoDB has not removed it', async () => {
  const past = new Date(Date.now() - 1);
  await database.collections.sessions.updateOne({ _id: ann.tokens.sessionId }, { $set: { expiresAt: past } });
  await expect(sees(ann)).rejects.toMatchObject(UNAUTHENTICATED);
  expect((await node.sessions.list(ann.user._id)).map(({ id }) => id)).toEqual([
    annAgain.tokens.sessionId.toHexString(),
  ]);
  await expect(refreshes(ann)).rejects.toMatchObject(UNAUTHENTICATED);
});

test.each([[''], ['A'.repeat(64)], [{ $ne: null }], [null], [['x']]])(
  '%j is no refresh token',
  async (garbage) => {
    await expect(node.sessions.refresh(garbage)).rejects.toMatchObject(UNAUTHENTICATED);
  },
);

test('the list shows the own live sessions, the latest used first, as plain documents without secrets', async () => {
  await refreshes(ann);
  const listed = await node.sessions.list(ann.user._id);
  expect(listed.map(({ id }) => id)).toEqual(
    [ann, annAgain].map(({ tokens }) => tokens.sessionId.toHexString()),
  );
  expect(Object.keys(listed[0] ?? {})).not.toContain('tokenHash');
  expect(Object.keys(listed[0] ?? {})).not.toContain('family');
});

test('the list is answered by its index, without sorting in memory', async () => {
  const asked: { filter: object; sort: object; hint: string }[] = [];
  database.connection.getClient().on('commandStarted', ({ commandName, command }) => {
    if (commandName === 'find' && command.find === 'sessions') asked.push(command as never);
  });
  await node.sessions.list(ann.user._id);
  expect(asked).toHaveLength(1);
  const [{ filter, sort, hint } = expect.fail()] = asked;
  const plan = await database.connection.db?.command({ explain: { find: 'sessions', filter, sort, hint } });
  const winner = JSON.stringify(plan?.queryPlanner.winningPlan);
  expect(winner).toContain('"indexName":"user_sessions"');
  expect(winner).not.toMatch(/"stage":"(COLLSCAN|SORT)"/);
});

test('a revoked session ends at once, its access token too', async () => {
  const viewer = await sees(ann);
  await sees(annAgain);
  await node.sessions.revoke(viewer, annAgain.tokens.sessionId.toHexString());
  await expect(sees(annAgain)).rejects.toMatchObject(UNAUTHENTICATED);
  await expect(refreshes(annAgain)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(await sees(ann)).toBeDefined();
});

test('a foreign, an unknown, an ended and a garbled session id are all NOT_FOUND, and nothing ends', async () => {
  const viewer = await sees(ann);
  const foreign = bob.tokens.sessionId.toHexString();
  const unknown = '64b000000000000000000001';
  await node.sessions.end({ _id: annAgain.tokens.sessionId, userId: ann.user._id });
  const ended = annAgain.tokens.sessionId.toHexString();
  for (const id of [foreign, unknown, ended, 'x', '', { $ne: null }, null]) {
    await expect(node.sessions.revoke(viewer, id)).rejects.toMatchObject(NOT_FOUND);
  }
  expect(await sees(bob)).toBeDefined();
});

test('logout ends its own session at once and may be repeated', async () => {
  const viewer = await sees(ann);
  await node.accounts.logout(viewer);
  await node.accounts.logout(viewer);
  await expect(sees(ann)).rejects.toMatchObject(UNAUTHENTICATED);
  await expect(refreshes(ann)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(await sees(annAgain)).toBeDefined();
});

test('logoutAll ends every own session at once and says how many were live', async () => {
  const viewer = await sees(ann);
  await sees(annAgain);
  expect(await node.accounts.logoutAll(viewer)).toBe(2);
  for (const each of [ann, annAgain]) await expect(sees(each)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(await sees(bob)).toBeDefined();
  expect(await node.accounts.logoutAll(viewer)).toBe(0);
});

test('a deactivated user is out at once: no access token, no refresh, no login, with a wrong password’s message', async () => {
  await sees(ann);
  await node.accounts.deactivate(ann.user._id);
  await expect(sees(ann)).rejects.toMatchObject(UNAUTHENTICATED);
  await expect(refreshes(ann)).rejects.toMatchObject(UNAUTHENTICATED);
  const login = (password: string) =>
    node.accounts
      .login({ emailOrUsername: ann.user.username, password }, CLIENT)
      .catch((error: Error) => error.message);
  expect(await login(PASSWORD)).toBe(await login('wrong horse'));
});

test('a user deactivated in the database alone can not refresh, and that ends the session', async () => {
  await database.collections.users.updateOne({ _id: ann.user._id }, { $set: { isActive: false } });
  await expect(refreshes(ann)).rejects.toMatchObject(UNAUTHENTICATED);
  expect((await documentOf(ann)).revokedAt).toBeInstanceOf(Date);
});

test('another node sees an end too, as soon as it forgets what it knew', async () => {
  const other = accountServices(database.collections);
  await other.viewerOf(ann);
  await node.accounts.logout(await sees(ann));
  other.sessions.forgetUser(ann.user._id);
  await expect(other.viewerOf(ann)).rejects.toMatchObject(UNAUTHENTICATED);
});
