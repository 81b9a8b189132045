import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { NO_LIMITS } from '../../../src/services/limits/rate-limits.ts';
import { PASSWORD } from '../../support/accounts.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { FactorStage, PERIOD } from '../../support/nodes/factor-stage.ts';

const CODE_NEEDED = { code: 'UNAUTHENTICATED', issues: [{ field: 'code', message: expect.any(String) }] };

let database: TestDatabase;
let stage: FactorStage;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  stage = await FactorStage.begin(database);
});

test('of fifty logins at once with one code exactly one succeeds, on several nodes too', async () => {
  const { secret } = await stage.switchOn();
  const nodes = [stage.nodeOf({ limits: NO_LIMITS }), stage.nodeOf({ limits: NO_LIMITS })];
  const code = stage.code(secret);
  const tries = await Promise.allSettled(
    Array.from({ length: 50 }, (_, i) => stage.login(code, PASSWORD, nodes[i % 2])),
  );
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await stage.acts('SECOND_FACTOR_FAILED')).toBe(49);
  expect(await stage.acts('LOGGED_IN')).toBe(1);
});

test('of fifty logins at once with one recovery code exactly one succeeds, and it is gone', async () => {
  const { codes } = await stage.switchOn();
  const tries = await Promise.allSettled(Array.from({ length: 50 }, () => stage.login(codes[3])));
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect((await stage.stored())?.recoveryCodes).toHaveLength(9);
  await expect(stage.login(codes[3])).rejects.toMatchObject(CODE_NEEDED);
  expect(await stage.login(codes[4]?.toLowerCase().replaceAll('-', ' '))).toBeDefined();
  expect(await stage.acts('RECOVERY_CODE_USED')).toBe(2);
});

test('a clock may be one period off, and whatever the clocks, no code works again after it or a later one did', async () => {
  const { secret } = await stage.switchOn();
  stage.clock += 10 * PERIOD;
  for (const off of [-2, 2]) {
    await expect(stage.login(stage.code(secret, off))).rejects.toMatchObject(CODE_NEEDED);
  }
  expect(await stage.login(stage.code(secret, -1))).toBeDefined();
  await expect(stage.login(stage.code(secret, -1))).rejects.toMatchObject(CODE_NEEDED);
  expect(await stage.login(stage.code(secret, 1))).toBeDefined();
  for (const off of [-1, 0, 1]) {
    await expect(stage.login(stage.code(secret, off))).rejects.toMatchObject(CODE_NEEDED);
  }
});

test('five wrong codes are enough for a while, but recovery codes still let the owner in', async () => {
  const { secret, codes } = await stage.switchOn();
  for (let i = 0; i < 5; i += 1) await expect(stage.login('000000')).rejects.toMatchObject(CODE_NEEDED);
  await expect(stage.login(stage.code(secret))).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  expect(await stage.login(codes[0])).toBeDefined();
});

test('wrong passwords spend no tries of the second factor, and a right code gives them back', async () => {
  const { secret } = await stage.switchOn();
  for (let i = 0; i < 20; i += 1) await expect(stage.login('000000', 'wrong horse')).rejects.toBeDefined();
  expect(stage.limits.spent.size).toBe(0);
  for (let i = 0; i < 4; i += 1) await expect(stage.login('000000')).rejects.toMatchObject(CODE_NEEDED);
  expect(await stage.login(stage.code(secret))).toBeDefined();
  expect(stage.limits.spent.size).toBe(0);
});

test.each<[string, unknown]>([
  ['a query operator', { $gt: '' }],
  ['a list', ['123456']],
  ['a number', 123456],
  ['a very long text', '0'.repeat(1_000_000)],
])('%s is a wrong code and nothing else', async (_, code) => {
  await stage.switchOn();
  await expect(stage.login(code)).rejects.toMatchObject(CODE_NEEDED);
});
