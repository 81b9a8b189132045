import { Types } from 'mongoose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { NewAccount } from '../../../src/services/accounts/new-accounts.ts';
import type { SignedIn } from '../../../src/services/sessions/sessions.ts';
import { accountServices, CLIENT, newAccount, PASSWORD, QUOTA } from '../../support/accounts.ts';
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
const conflictOn = (field: string) => ({ code: 'CONFLICT', issues: [expect.objectContaining({ field })] });
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

test('a new account is logged in, active, with the default quota, and shows no secret', async () => {
  expect(ann.user).toMatchObject({
    username: account.username,
    isActive: true,
    role: 'USER',
    quotaBytes: QUOTA,
    usedBytes: 0,
  });
  expect(ann.user.id).toBe(ann.user._id.toHexString());
  expect(ann.user).not.toHaveProperty('password');
  expect(await node.viewerOf(ann)).toMatchObject({ userId: ann.user._id });
  expect((await stored(ann.user._id)).password).toMatch(/^\$scrypt\$/);
});

test('email is kept trimmed and in lower case, names trimmed, an empty name as none', async () => {
  const { user } = await register({ email: '  Mixed.Case@Example.ORG ', firstName: ' Ann ', lastName: ' ' });
  expect(user).toMatchObject({ email: 'mixed.case@example.org', firstName: 'Ann', lastName: null });
});

test('a taken username, in any case, and a taken email are CONFLICT and name only the field, before any hashing', async () => {
  node.derivations.count = 0;
  await expect(register({ username: account.username.toUpperCase() })).rejects.toMatchObject(
    conflictOn('username'),
  );
  await expect(register({ email: account.email.toUpperCase() })).rejects.toMatchObject(conflictOn('email'));
  expect(node.derivations.count, 'hashes made for nothing').toBe(0);
});

test('of 50 parallel registrations of one name exactly one succeeds, and the others are CONFLICT', async () => {
  const attempts = Array.from({ length: 50 }, (_, i) => register({ username: i % 2 ? 'Racer' : 'rACER' }));
  const results = await Promise.allSettled(attempts);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  for (const reason of reasons) expect(reason).toMatchObject(conflictOn('username'));
});

test.each<[string, object]>([
  ['username', { username: 'no spaces' }],
  ['username', { username: 'ab' }],
  ['username', { username: `deleted_${'0'.repeat(24)}` }],
  ['username', { username: { $ne: null } }],
  ['username', { username: 'line_end\n' }],
  ['email', { email: 'nobody' }],
  ['email', { email: `deleted_${'0'.repeat(24)}` }],
  ['email', { email: `${'a'.repeat(250)}@b.org` }],
  ['email', { email: { $gt: '' } }],
  ['password', { password: 'short12' }],
  ['password', { password: '🐴🐴🐴🐴' }],
  ['password', { password: 'x'.repeat(201) }],
  ['password', { password: ['x'.repeat(10)] }],
  ['firstName', { firstName: 'x'.repeat(51) }],
  ['lastName', { lastName: { $set: 1 } }],
])('register refuses a bad %s: %j', async (field, changes) => {
  await expect(register(changes)).rejects.toMatchObject(badInputOn(field));
});

test('a profile change touches the given fields only, and null removes a name', async () => {
  const viewer = await node.viewerOf(ann);
  await node.accounts.updateProfile(viewer, { firstName: 'Ann', lastName: 'Lee' });
  expect(await node.accounts.updateProfile(viewer, { lastName: null })).toMatchObject({
    firstName: 'Ann',
    lastName: null,
  });
  const renamed = await node.accounts.updateProfile(viewer, { username: account.username.toUpperCase() });
  expect(renamed).toMatchObject({
    id: ann.user.id,
    username: account.username.toUpperCase(),
    email: account.email,
  });
});

test('a profile change refuses a taken username, no username, and operators', async () => {
  const viewer = await node.viewerOf(ann);
  const { user } = await register({});
  const update = (username: unknown) => node.accounts.updateProfile(viewer, { username: username as string });
  await expect(update(user.username.toUpperCase())).rejects.toMatchObject(conflictOn('username'));
  await expect(update(null)).rejects.toMatchObject(badInputOn('username'));
  await expect(update({ $ne: 1 })).rejects.toMatchObject(badInputOn('username'));
});

test('a deleted account is out at once, its names are free, and whoever removes its files is told once', async () => {
  const viewer = await node.viewerOf(ann);
  await node.accounts.deleteAccount(viewer, PASSWORD);
  await expect(node.viewerOf(ann)).rejects.toMatchObject(UNAUTHENTICATED);
  await expect(node.accounts.refresh(ann.tokens.refreshToken)).rejects.toMatchObject(UNAUTHENTICATED);
  await expect(login(account.username)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(node.deleted).toEqual([ann.user.id]);
  expect(await node.accounts.find(ann.user._id)).toBeNull();
  const name = `deleted_${ann.user.id}`;
  expect(await stored(ann.user._id)).toMatchObject({
    username: name,
    email: name,
    isActive: false,
    deletedAt: expect.any(Date),
  });
  await expect(login(name, '!')).rejects.toMatchObject(UNAUTHENTICATED);
  const next = await node.accounts.register(account, CLIENT);
  expect(next.user.id).not.toBe(ann.user.id);
});

test('deleting needs the password, and happens once however often it is asked for', async () => {
  const viewer = await node.viewerOf(ann);
  await expect(node.accounts.deleteAccount(viewer, 'wrong horse')).rejects.toMatchObject(
    badInputOn('password'),
  );
  expect(await node.viewerOf(ann)).toBeDefined();
  const attempts = await Promise.allSettled(
    Array.from({ length: 5 }, () => node.accounts.deleteAccount(viewer, PASSWORD)),
  );
  expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(node.deleted).toEqual([ann.user.id]);
});

test('findMany answers in the order asked, null where there is nobody', async () => {
  const { user } = await register({});
  const nobody = new Types.ObjectId().toHexString();
  const found = await node.accounts.findMany([user.id, nobody, ann.user.id, user.id]);
  expect(found.map((each) => each?.id ?? null)).toEqual([user.id, null, ann.user.id, user.id]);
  expect(found[0]).not.toHaveProperty('password');
});

test('usage tells bytes and quota, and counts the completed files, trash included, that are not being purged', async () => {
  const userId = ann.user._id;
  const file = (changes: object) => ({
    userId,
    fileName: new Types.ObjectId().toHexString(),
    uploadStatus: 'COMPLETED',
    isDeleted: false,
    ...changes,
  });
  await database.collections.files.collection.insertMany([
    file({}),
    file({ isDeleted: true }),
    file({ uploadStatus: 'UPLOADING' }),
    file({ purgingAt: new Date() }),
    file({ userId: new Types.ObjectId() }),
  ]);
  expect(await node.accounts.usage(userId)).toMatchObject({ usedBytes: 0, quotaBytes: QUOTA });
  expect(await node.accounts.countFiles(userId)).toBe(2);
  await expect(node.accounts.usage(new Types.ObjectId())).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
