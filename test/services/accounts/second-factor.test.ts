import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { SecondFactorService } from '../../../src/services/credentials/second-factor.ts';
import { CLIENT, newAccount, PASSWORD } from '../../support/accounts.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { FactorStage, PERIOD } from '../../support/nodes/factor-stage.ts';

const CODE_NEEDED = { code: 'UNAUTHENTICATED', issues: [{ field: 'code', message: expect.any(String) }] };
const WRONG_CODE = {
  code: 'BAD_USER_INPUT',
  issues: [{ field: 'code', message: expect.stringContaining('wrong') }],
};

let database: TestDatabase;
let stage: FactorStage;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  stage = await FactorStage.begin(database);
});

test('a second factor counts once it is confirmed, and then logins need a code', async () => {
  const { secret, uri } = await stage.node.secondFactor.begin(stage.viewer, PASSWORD);
  expect(uri).toContain(`secret=${secret}`);
  expect(await stage.login()).toBeDefined();
  expect(await stage.node.secondFactor.areOn([stage.ann.user.id])).toEqual([false]);

  const codes = await stage.node.secondFactor.confirm(stage.viewer, stage.code(secret));
  expect(new Set(codes).size).toBe(10);
  expect(await stage.node.secondFactor.areOn([stage.ann.user.id])).toEqual([true]);
  stage.clock += PERIOD;
  for (const code of [undefined, null, ''])
    await expect(stage.login(code)).rejects.toMatchObject(CODE_NEEDED);
  expect(await stage.login(stage.code(secret))).toBeDefined();
  expect(await stage.acts('SECOND_FACTOR_ENABLED')).toBe(1);
});

test('confirming ends every other session, also of a login without a code that falls into it', async () => {
  const other = await stage.login();
  const { secret } = await stage.node.secondFactor.begin(stage.viewer, PASSWORD);
  const verify = stage.node.passwords.verify.bind(stage.node.passwords);
  vi.spyOn(stage.node.passwords, 'verify').mockImplementationOnce(async (password, hash) => {
    const isRight = await verify(password, hash);
    await stage.node.secondFactor.confirm(stage.viewer, stage.code(secret));
    return isRight;
  });
  await expect(stage.login()).rejects.toMatchObject(CODE_NEEDED);
  await expect(stage.node.viewerOf(other)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(await stage.node.viewerOf(stage.ann)).toBeDefined();
  expect(await stage.node.sessions.list(stage.ann.user._id)).toHaveLength(1);
});

test('that a code is needed is told to nobody without the password', async () => {
  const { secret } = await stage.switchOn();
  const refusal = async (...given: Parameters<FactorStage['login']>) => {
    const error = (await stage.login(...given).catch((reason: unknown) => reason)) as Error & {
      issues?: object;
    };
    return [error.message, error.issues];
  };
  const without = await refusal(undefined, 'wrong horse');
  expect(without[1]).toBeUndefined();
  expect(await refusal(stage.code(secret), 'wrong horse')).toEqual(without);
  expect(await refusal('000000', 'wrong horse')).toEqual(without);
  expect(await stage.login(stage.code(secret))).toBeDefined();
});

test('neither the secret nor a recovery code can be read in the database', async () => {
  const { secret, codes } = await stage.switchOn();
  const text = JSON.stringify(
    await database.collections.users.collection.findOne({ _id: stage.ann.user._id }),
  );
  for (const shown of [secret, ...codes, ...codes.map((code) => code.replaceAll('-', ''))]) {
    expect(text).not.toContain(shown);
  }
  const read = await database.collections.users.findById(stage.ann.user._id).lean();
  expect(read).not.toHaveProperty('secondFactor');
});

test('a second factor that was copied to another account opens nothing there', async () => {
  const { secret } = await stage.switchOn();
  const bob = await stage.node.accounts.register(newAccount(), CLIENT);
  const secondFactor = await stage.stored();
  await database.collections.users.updateOne({ _id: bob.user._id }, { $set: { secondFactor } } as never);
  const credentials = { emailOrUsername: bob.user.username, password: PASSWORD };
  const attempt = stage.node.accounts.login({ ...credentials, code: stage.code(secret) }, CLIENT);
  await expect(attempt).rejects.toMatchObject(CODE_NEEDED);
});

test('after a new secret is put in front, codes still work, and each login moves its account to the new one', async () => {
  const { secret } = await stage.switchOn();
  const rotated = stage.nodeOf({ secrets: ['a newer secret of the tests', 'secret of the tests'] });
  const onlyNew = stage.nodeOf({ secrets: ['a newer secret of the tests'] });
  await expect(stage.login(stage.code(secret), PASSWORD, onlyNew)).rejects.toMatchObject(CODE_NEEDED);
  expect(await stage.login(stage.code(secret), PASSWORD, rotated)).toBeDefined();
  stage.clock += PERIOD;
  expect(await stage.login(stage.code(secret), PASSWORD, onlyNew)).toBeDefined();
});

test('beginning again replaces what was not confirmed, and is CONFLICT once it was', async () => {
  const first = await stage.node.secondFactor.begin(stage.viewer, PASSWORD);
  const second = await stage.node.secondFactor.begin(stage.viewer, PASSWORD);
  await expect(stage.node.secondFactor.confirm(stage.viewer, stage.code(first.secret))).rejects.toMatchObject(
    WRONG_CODE,
  );
  await stage.node.secondFactor.confirm(stage.viewer, stage.code(second.secret));
  await expect(stage.node.secondFactor.begin(stage.viewer, PASSWORD)).rejects.toMatchObject({
    code: 'CONFLICT',
  });
  await expect(
    stage.node.secondFactor.confirm(stage.viewer, stage.code(second.secret)),
  ).rejects.toMatchObject({
    code: 'CONFLICT',
  });
});

test('of two confirmations at once one answers the recovery codes, and those are the ones that count', async () => {
  const { secret } = await stage.node.secondFactor.begin(stage.viewer, PASSWORD);
  const tries = await Promise.allSettled(
    [1, 2].map(() => stage.node.secondFactor.confirm(stage.viewer, stage.code(secret))),
  );
  const [codes, ...more] = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  expect(more).toEqual([]);
  expect(await stage.login(codes?.[0])).toBeDefined();
});

test('it begins and ends with the password only, and ends with a code only', async () => {
  await expect(stage.node.secondFactor.begin(stage.viewer, 'wrong horse')).rejects.toMatchObject({
    issues: [expect.objectContaining({ field: 'password' })],
  });
  const { secret, codes } = await stage.switchOn();
  const { disable } = SecondFactorService.prototype;
  const off = disable.bind(stage.node.secondFactor, stage.viewer);
  await expect(off('wrong horse', codes[0])).rejects.toMatchObject({
    issues: [expect.objectContaining({ field: 'password' })],
  });
  await expect(off(PASSWORD, '000000')).rejects.toMatchObject(WRONG_CODE);
  expect(await stage.node.secondFactor.areOn([stage.ann.user.id])).toEqual([true]);
  await off(PASSWORD, stage.code(secret));
  expect(await stage.node.secondFactor.areOn([stage.ann.user.id])).toEqual([false]);
  expect(await stage.stored()).toBeUndefined();
  expect(await stage.login()).toBeDefined();
  await expect(off(PASSWORD, codes[1])).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await stage.acts('SECOND_FACTOR_DISABLED')).toBe(1);
});

test('new recovery codes replace the old ones', async () => {
  const { secret, codes } = await stage.switchOn();
  const renewed = await stage.node.secondFactor.renewRecoveryCodes(
    stage.viewer,
    PASSWORD,
    stage.code(secret),
  );
  expect(renewed).toHaveLength(10);
  await expect(stage.login(codes[0])).rejects.toMatchObject(CODE_NEEDED);
  expect(await stage.login(renewed[9])).toBeDefined();
  expect(await stage.acts('RECOVERY_CODES_RENEWED')).toBe(1);
});

test('a changed password leaves the second factor on', async () => {
  const { secret } = await stage.switchOn();
  await stage.node.accounts.changePassword(stage.viewer, PASSWORD, 'another battery');
  await expect(stage.login(undefined, 'another battery')).rejects.toMatchObject(CODE_NEEDED);
  expect(await stage.login(stage.code(secret), 'another battery')).toBeDefined();
});

test('an administrator switches another account’s off, and never the own one', async () => {
  await stage.switchOn();
  const admin = await stage.node.viewerOf(await stage.node.accounts.register(newAccount(), CLIENT));
  await expect(stage.node.secondFactor.reset(admin, admin.userId.toHexString())).rejects.toMatchObject({
    code: 'FORBIDDEN',
  });
  for (const id of ['64b000000000000000000001', 'nobody', { $ne: null }]) {
    await expect(stage.node.secondFactor.reset(admin, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }
  expect(await stage.node.secondFactor.reset(admin, stage.ann.user.id)).toBe(true);
  expect(await stage.node.secondFactor.reset(admin, stage.ann.user.id)).toBe(false);
  expect(await stage.login()).toBeDefined();
  const [act] = await database.collections.auditEvents
    .find({ action: 'SECOND_FACTOR_DISABLED', subjectId: stage.ann.user._id } as never)
    .lean();
  expect(act?.actorId).toEqual(admin.userId);
});

test('what is deleted with its owner keeps neither a second factor nor an image’s address', async () => {
  await stage.switchOn();
  await database.collections.users.updateOne({ _id: stage.ann.user._id }, { $set: { avatarVersion: 'x' } });
  await stage.node.accounts.deleteAccount(stage.viewer, PASSWORD);
  const left = await database.collections.users.collection.findOne({ _id: stage.ann.user._id });
  expect(left).toMatchObject({ deletedAt: expect.any(Date) });
  expect(left).not.toHaveProperty('secondFactor');
  expect(left).not.toHaveProperty('avatarVersion');
});
