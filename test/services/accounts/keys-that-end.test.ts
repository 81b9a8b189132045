import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Scope } from '../../../src/models/api-key.ts';
import { AuditAction } from '../../../src/models/audit-event.ts';
import type { SignedIn } from '../../../src/services/sessions/sessions.ts';
import { CLIENT, newAccount } from '../../support/accounts.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { mailedTokenNode } from '../../support/nodes/mailed-token-node.ts';

const NEXT = 'staple correct horse';

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

async function askReset(): Promise<string> {
  await node.reset.ask(ann.user.email);
  await node.afterwards.finish();
  const [letter] = await node.outbox.newest();
  return /token=(\w+)$/.exec(letter?.letter?.link ?? '')?.[1] ?? '';
}
const revocations = async () => {
  const revoked = { action: AuditAction.API_KEY_REVOKED, subjectId: ann.user._id };
  return (await database.collections.auditEvents.find(revoked).lean()).map(({ outcome }) => outcome);
};

test('API keys of an account whose address nobody had verified end with a reset, those of others stay', async () => {
  const { apiKeys } = database.collections;
  const key = { userId: ann.user._id, name: 'n', prefix: 'p', scopes: ['files:read'], slot: 0 };
  await apiKeys.collection.insertOne({ ...key, tokenHash: 'of who came first' } as never);
  await node.reset.reset(await askReset(), NEXT);
  expect(await apiKeys.findOne({ userId: ann.user._id, revokedAt: null }).lean()).toBeNull();
  expect(node.ended).toEqual([ann.user.id]);
  await apiKeys.collection.insertOne({ ...key, tokenHash: 'of the owner' } as never);
  await node.reset.reset(await askReset(), `${NEXT}!`);
  expect(await apiKeys.countDocuments({ userId: ann.user._id, revokedAt: null })).toBe(1);
});

test('a second factor that was set before the address was verified ends with a reset, a later one stays', async () => {
  const { users } = database.collections;
  const secondFactor = { secret: 'sealed', confirmedAt: new Date(), lastStep: 0, recoveryCodes: [] };
  const factorOf = async () =>
    (await users.findById(ann.user._id).select('+secondFactor').lean())?.secondFactor;
  await users.updateOne({ _id: ann.user._id }, { $set: { secondFactor } });
  await node.reset.reset(await askReset(), NEXT);
  expect(await factorOf()).toBeUndefined();
  await users.updateOne({ _id: ann.user._id }, { $set: { secondFactor } });
  await node.reset.reset(await askReset(), `${NEXT}!`);
  expect(await factorOf()).toMatchObject({ secret: 'sealed' });
});

test('a key that is made while a reset is under way ends with it, too, and the trail tells of it', async () => {
  const { apiKeys } = database.collections;
  const token = await askReset();
  const revokeAll = node.sessions.revokeAll.bind(node.sessions);
  const key = { userId: ann.user._id, name: 'n', prefix: 'p', scopes: ['files:read'], slot: 0 };
  let calls = 0;
  node.sessions.revokeAll = async (...which) => {
    const made = { ...key, tokenHash: `of who came first ${ann.user._id}` };
    calls += 1;
    // At the last moment that any session is left to make one.
    if (calls === 2) await apiKeys.collection.insertOne(made as never);
    return revokeAll(...which);
  };
  await node.reset.reset(token, NEXT);
  expect(await apiKeys.countDocuments({ userId: ann.user._id, revokedAt: { $ne: null } })).toBe(1);
  expect(await revocations()).toEqual(['DONE']);
});

test('a session that ended, as this node has not heard yet, makes no key', async () => {
  const viewer = await node.viewerOf(ann);
  await node.reset.reset(await askReset(), NEXT);
  const made = node.apiKeys.create(viewer, { name: 'n', scopes: [Scope.FILES_READ] });
  await expect(made).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(await database.collections.apiKeys.countDocuments({ userId: ann.user._id })).toBe(0);
});
