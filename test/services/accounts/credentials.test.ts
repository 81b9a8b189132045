import { pbkdf2Sync } from 'node:crypto';
import type { Types } from 'mongoose';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { NewAccount } from '../../../src/services/accounts/new-accounts.ts';
import type { SignedIn } from '../../../src/services/sessions/sessions.ts';
import { accountServices, CLIENT, newAccount, PASSWORD } from '../../support/accounts.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let node: ReturnType<typeof accountServices>;
let account: NewAccount;
let ann: SignedIn;

const UNAUTHENTICATED = { code: 'UNAUTHENTICATED' };
const login = (emailOrUsername: string, password = PASSWORD) =>
  node.accounts.login({ emailOrUsername, password }, CLIENT);
const register = (changes: Partial<NewAccount>) => node.accounts.register(newAccount(changes), CLIENT);
const stored = (userId: Types.ObjectId) =>
  database.collections.users.findById(userId).select('+password +deletedAt').orFail().lean();
const badInputOn = (field: string) => ({
  code: 'BAD_USER_INPUT',
  issues: [expect.objectContaining({ field })],
});

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
  node = accountServices(database.collections);
  account = newAccount();
  ann = await node.accounts.register(account, CLIENT);
});

test('login takes the email or the username, in any case, and keeps when it happened', async () => {
  for (const name of [
    account.email,
    account.email.toUpperCase(),
    account.username,
    ` ${account.username.toUpperCase()} `,
  ]) {
    expect((await login(name)).user).toMatchObject({ id: ann.user.id, lastLogin: expect.any(Date) });
  }
});

test('an unknown user, a wrong password and a deactivated user get the same answer after the same scrypt work', async () => {
  const shut = await register({});
  await node.accounts.deactivate(shut.user._id);
  const attempt = async (name: string, password: string) => {
    node.derivations.count = 0;
    const error = await login(name, password).catch((reason: unknown) => reason);
    return { code: (error as { code: string }).code, text: String(error), work: node.derivations.count };
  };
  const wrong = await attempt(account.username, 'wrong horse');
  expect(wrong).toMatchObject({ ...UNAUTHENTICATED, work: 1 });
  expect(await attempt('nobody_here', PASSWORD)).toEqual(wrong);
  expect(await attempt('nobody@example.org', PASSWORD)).toEqual(wrong);
  expect(await attempt('', PASSWORD)).toEqual(wrong);
  expect(await attempt(shut.user.username, PASSWORD)).toEqual(wrong);
});

test.each<[unknown, unknown]>([
  [{ $ne: null }, PASSWORD],
  [{ $regex: '.*' }, PASSWORD],
  [['user'], PASSWORD],
  ['user_1', { $ne: null }],
  ['user_1', 'x'.repeat(100_000)],
])(
  'login with %j and such a password is refused as wrong, never run as a query',
  async (emailOrUsername, password) => {
    const input = { emailOrUsername, password } as { emailOrUsername: string; password: string };
    await expect(node.accounts.login(input, CLIENT)).rejects.toMatchObject(UNAUTHENTICATED);
  },
);

test('older hashes log in, are replaced by today’s form, and parallel logins all succeed', async () => {
  const salt = 'ab'.repeat(16);
  const old = `${salt}:${pbkdf2Sync(PASSWORD, salt, 10_000, 64, 'sha512').toString('hex')}`;
  await database.collections.users.updateOne({ _id: ann.user._id }, { $set: { password: old } });
  await expect(login(account.username, 'wrong horse')).rejects.toMatchObject(UNAUTHENTICATED);
  expect((await stored(ann.user._id)).password).toBe(old);
  await Promise.all(Array.from({ length: 5 }, () => login(account.username)));
  expect((await stored(ann.user._id)).password).toMatch(/^\$scrypt\$/);
  expect(await login(account.username)).toBeDefined();
});

test('a changed password ends every other session and its access tokens at once, and the old one logs nobody in', async () => {
  const other = await login(account.username);
  const viewer = await node.viewerOf(ann);
  await node.viewerOf(other);
  await node.accounts.changePassword(viewer, PASSWORD, 'another battery');
  await expect(node.viewerOf(other)).rejects.toMatchObject(UNAUTHENTICATED);
  await expect(node.accounts.refresh(other.tokens.refreshToken)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(await node.viewerOf(ann)).toBeDefined();
  await expect(login(account.username)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(await login(account.username, 'another battery')).toBeDefined();
});

test('no login with the old password outlives a password change, wherever the change falls in the login', async () => {
  const viewer = await node.viewerOf(ann);
  const verify = node.passwords.verify.bind(node.passwords);
  vi.spyOn(node.passwords, 'verify').mockImplementationOnce(async (password, hash) => {
    const isRight = await verify(password, hash);
    await node.accounts.changePassword(viewer, PASSWORD, 'another battery');
    return isRight;
  });
  await expect(login(account.username)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(await node.sessions.list(ann.user._id)).toHaveLength(1);
});

test('no login with the old password outlives a password change, wherever the login falls in the change', async () => {
  const viewer = await node.viewerOf(ann);
  const revokeAll = node.sessions.revokeAll.bind(node.sessions);
  let between: SignedIn | undefined;
  vi.spyOn(node.sessions, 'revokeAll').mockImplementationOnce(async (userId, except) => {
    const revoked = await revokeAll(userId, except);
    between = await login(account.username);
    await node.viewerOf(between);
    return revoked;
  });
  await node.accounts.changePassword(viewer, PASSWORD, 'another battery');
  await expect(node.viewerOf(between ?? ann)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(await node.sessions.list(ann.user._id)).toHaveLength(1);
});

test('no login outlives a deactivation made while its password was checked', async () => {
  const verify = node.passwords.verify.bind(node.passwords);
  vi.spyOn(node.passwords, 'verify').mockImplementationOnce(async (password, hash) => {
    const isRight = await verify(password, hash);
    await node.accounts.deactivate(ann.user._id);
    return isRight;
  });
  await expect(login(account.username)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(await node.sessions.list(ann.user._id)).toEqual([]);
});

test('a password change needs the old password and a new one that may be set, and else changes nothing', async () => {
  const other = await login(account.username);
  const viewer = await node.viewerOf(ann);
  const change = node.accounts.changePassword.bind(node.accounts, viewer);
  await expect(change('wrong horse', 'another battery')).rejects.toMatchObject(badInputOn('oldPassword'));
  await expect(change({ $ne: null }, 'another battery')).rejects.toMatchObject(badInputOn('oldPassword'));
  await expect(change(PASSWORD, 'short12')).rejects.toMatchObject(badInputOn('newPassword'));
  await expect(change(PASSWORD, 'x'.repeat(201))).rejects.toMatchObject(badInputOn('newPassword'));
  expect(await node.viewerOf(other)).toBeDefined();
  expect(await login(account.username)).toBeDefined();
});
