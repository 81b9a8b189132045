import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { AuditAction } from '../../../src/models/audit-event.ts';
import { withinRequest } from '../../../src/services/request-facts.ts';
import type { SignedIn } from '../../../src/services/sessions/sessions.ts';
import { CLIENT, newAccount, PASSWORD } from '../../support/accounts.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { mailedTokenNode } from '../../support/nodes/mailed-token-node.ts';

const NEXT = 'staple correct horse';
const NOW_INVALID = {
  code: 'BAD_USER_INPUT',
  message: 'This link is not valid any more: ask for a new one.',
  issues: [{ field: 'token', message: 'This link is not valid any more: ask for a new one.' }],
};
const FOREIGN = 'f'.repeat(64);

let database: TestDatabase;
let node: ReturnType<typeof mailedTokenNode>;
let ann: SignedIn;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.collections.outbox.deleteMany({});
  node = mailedTokenNode(database.collections);
  ann = await node.accounts.register(newAccount(), CLIENT);
});

const idOf = ({ user }: SignedIn) => user._id;
const stored = () =>
  database.collections.users
    .findById(idOf(ann))
    .select('+password +emailVerificationToken +passwordResetToken')
    .orFail()
    .lean();
const acts = async (action: AuditAction) =>
  (await database.collections.auditEvents.find({ action, subjectId: idOf(ann) }).lean()).map(
    ({ outcome }) => outcome,
  );

/** The tokens that were mailed to the account, the oldest first. */
async function mailed(): Promise<string[]> {
  await node.afterwards.finish();
  node.sender.sent.length = 0;
  const letters = await node.outbox.newest();
  return letters
    .filter(({ to }) => to === ann.user.email)
    .map(({ letter }) => /token=(\w+)$/.exec(letter?.link ?? '')?.[1] ?? '')
    .reverse();
}

async function askReset(): Promise<string> {
  await node.reset.ask(ann.user.email);
  return (await mailed()).at(-1) ?? '';
}

async function askVerification(): Promise<string> {
  await node.verification.mail(idOf(ann));
  return (await mailed()).at(-1) ?? '';
}

const login = (password: string) =>
  node.accounts.login({ emailOrUsername: ann.user.username, password }, CLIENT);

test('a verification token is 32 random bytes in hex, is stored as its digest alone, and verifies once', async () => {
  const viewer = await node.viewerOf(ann);
  expect(viewer.isEmailVerified).toBe(false);
  const token = await askVerification();
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  const everything = JSON.stringify([await stored(), await database.collections.outbox.find().lean()]);
  expect(everything).not.toContain(token);
  expect(await node.verification.verify(token)).toMatchObject({ id: ann.user.id, isEmailVerified: true });
  expect((await node.viewerOf(ann)).isEmailVerified, 'at once, also for sessions that run').toBe(true);
  expect(await acts(AuditAction.EMAIL_VERIFIED)).toEqual(['DONE']);
  await expect(node.verification.verify(token)).rejects.toMatchObject(NOW_INVALID);
});

test.each<[string, unknown]>([
  ['unknown', FOREIGN],
  ['empty', ''],
  ['too long', `${FOREIGN}00`],
  ['an operator', { $ne: null }],
  ['nothing', undefined],
])('a token that is %s gets the same answer as one that was used', async (_name, token) => {
  await expect(node.verification.verify(token)).rejects.toMatchObject(NOW_INVALID);
  await expect(node.reset.reset(token, NEXT)).rejects.toMatchObject(NOW_INVALID);
});

test('a token for one thing does not work for another', async () => {
  const [verify, reset] = [await askVerification(), await askReset()];
  await expect(node.reset.reset(verify, NEXT)).rejects.toMatchObject(NOW_INVALID);
  await expect(node.verification.verify(reset)).rejects.toMatchObject(NOW_INVALID);
});

test('tokens end: of verification after 24 hours, of reset after 10 minutes', async () => {
  const [verify, reset] = [await askVerification(), await askReset()];
  const { emailVerificationExpires, passwordResetExpires } = await database.collections.users
    .findById(idOf(ann))
    .select('+emailVerificationExpires +passwordResetExpires')
    .orFail()
    .lean();
  const minutes = (date: Date | undefined) => Math.round(((date?.getTime() ?? 0) - Date.now()) / 60_000);
  expect([minutes(emailVerificationExpires), minutes(passwordResetExpires)]).toEqual([24 * 60, 10]);
  const past = new Date();
  await database.collections.users.updateOne(
    { _id: idOf(ann) },
    { $set: { emailVerificationExpires: past, passwordResetExpires: past } },
  );
  await expect(node.verification.verify(verify)).rejects.toMatchObject(NOW_INVALID);
  await expect(node.reset.reset(reset, NEXT)).rejects.toMatchObject(NOW_INVALID);
});

test('asking again makes the token before it worthless, and its mail unsent', async () => {
  await node.verification.mail(idOf(ann));
  await node.verification.mail(idOf(ann));
  const [first, second] = await mailed();
  await expect(node.verification.verify(first)).rejects.toMatchObject(NOW_INVALID);
  await node.run();
  expect(node.sender.sent.map(({ link }) => link)).toEqual([
    `https://app.example.org/verify-email?token=${second}`,
  ]);
  expect(node.outcomes.toSorted()).toEqual(['sent', 'useless']);
  await node.verification.verify(second);
});

test('resending is for addresses that are not verified, three times an hour', async () => {
  const viewer = await node.viewerOf(ann);
  for (let i = 0; i < 3; i += 1) expect(await node.verification.resend(viewer)).toBe(true);
  await expect(node.verification.resend(viewer)).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    retryAfter: 9,
  });
  await node.verification.verify((await mailed()).at(-1));
  expect(await node.verification.resend(viewer)).toBe(false);
  expect(await mailed()).toHaveLength(3);
});

test('a reset sets the password, ends every session, verifies the address and leaves its trace', async () => {
  const token = await askReset();
  await node.reset.reset(token, NEXT);
  await expect(node.viewerOf(ann)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await expect(node.accounts.refresh(ann.tokens.refreshToken)).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
  });
  await expect(login(PASSWORD)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect((await login(NEXT)).user.isEmailVerified).toBe(true);
  expect(await acts(AuditAction.PASSWORD_RESET_ASKED)).toEqual(['DONE']);
  expect(await acts(AuditAction.PASSWORD_RESET)).toEqual(['DONE']);
});

test('of 50 parallel uses of one reset token exactly one succeeds, and its password is the one that holds', async () => {
  const token = await askReset();
  node.derivations.count = 0;
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, (_, i) => node.reset.reset(token, `${NEXT} ${i}`)),
  );
  expect(node.derivations.count, 'hashes made').toBe(1);
  const won = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []));
  expect(won).toHaveLength(1);
  for (const result of results)
    if (result.status === 'rejected') expect(result.reason).toMatchObject(NOW_INVALID);
  await login(`${NEXT} ${won[0]}`);
  expect(await acts(AuditAction.PASSWORD_RESET)).toEqual(['DONE']);
});

test('a password that may not be set costs no token, and a wrong token no hash', async () => {
  const token = await askReset();
  await expect(node.reset.reset(token, 'short')).rejects.toMatchObject({
    issues: [{ field: 'newPassword' }],
  });
  node.derivations.count = 0;
  await expect(node.reset.reset(FOREIGN, NEXT)).rejects.toMatchObject(NOW_INVALID);
  expect(node.derivations.count).toBe(0);
  await node.reset.reset(token, NEXT);
});

test('a changed password makes an outstanding reset token worthless', async () => {
  const token = await askReset();
  await node.accounts.changePassword(await node.viewerOf(ann), PASSWORD, NEXT);
  await expect(node.reset.reset(token, 'yet another password')).rejects.toMatchObject(NOW_INVALID);
  await login(NEXT);
});

test.each<[string, object]>([
  ['deactivated', { isActive: false }],
  ['deleted', { deletedAt: new Date() }],
])('a %s account gets no mail, and tokens mailed before do nothing', async (_name, change) => {
  const [verify, reset] = [await askVerification(), await askReset()];
  const before = (await mailed()).length;
  await database.collections.users.updateOne({ _id: idOf(ann) }, { $set: change });
  await node.reset.ask(ann.user.email);
  await node.verification.mail(idOf(ann));
  expect(await mailed()).toHaveLength(before);
  await expect(node.verification.verify(verify)).rejects.toMatchObject(NOW_INVALID);
  await expect(node.reset.reset(reset, NEXT)).rejects.toMatchObject(NOW_INVALID);
  await node.run();
  expect(node.sender.sent, 'what waited').toEqual([]);
});

test('asking for a reset does nothing before it has answered, and finds the address whatever its case', async () => {
  const { collections } = database;
  const { reset, afterwards } = mailedTokenNode(collections, { delayMs: 60_000 });
  await reset.ask(` ${ann.user.email.toUpperCase()} `);
  expect(await collections.outbox.countDocuments()).toBe(0);
  await afterwards.finish();
  expect(await collections.outbox.countDocuments()).toBe(1);
});

test('asking too often for one account is silent; from one address, for whomever, it is RATE_LIMITED for all alike', async () => {
  for (let i = 0; i < 5; i += 1) await node.reset.ask(ann.user.email);
  expect(await mailed()).toHaveLength(3);
  expect((await acts(AuditAction.PASSWORD_RESET_ASKED)).toSorted()).toEqual([
    'DONE',
    'DONE',
    'DONE',
    'REFUSED',
    'REFUSED',
  ]);
  expect(node.errors).toEqual([]);
  const facts = { requestId: 'r', ip: '198.51.100.7', userAgent: null };
  const ask = (email: string) =>
    withinRequest(facts, () => node.reset.ask(email).catch((error) => error.code));
  const answers = [];
  for (const email of ['nobody@example.org', ann.user.email, '', 'nobody@example.org', ann.user.email])
    answers.push(await ask(email));
  expect(answers).toEqual([undefined, undefined, undefined, 'RATE_LIMITED', 'RATE_LIMITED']);
});
