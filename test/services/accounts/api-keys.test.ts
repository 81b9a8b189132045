import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Scope } from '../../../src/models/api-key.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { AuditTrail } from '../../../src/services/audit/audit-trail.ts';
import { ApiKeyService, MOST_ENDED_KEYS, MOST_LIVE_KEYS } from '../../../src/services/sessions/api-keys.ts';
import { SessionCache } from '../../../src/services/sessions/session-cache.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { QueryPlans } from '../../support/queries/query-plans.ts';

const UNAUTHENTICATED = { code: 'UNAUTHENTICATED' };
const READ = { name: 'reader', scopes: [Scope.FILES_READ] };
const MINUTE_MS = 60_000;

let database: TestDatabase;
let ann: Viewer;
let bob: Viewer;
let now = 0;
let ended: string[];
let node: ApiKeyService;

/** The keys as one node of the service knows them, with a clock of the test’s for its memory. */
function newNode() {
  const { collections } = database;
  return new ApiKeyService({
    collections,
    cache: new SessionCache({ now: () => now }),
    audit: new AuditTrail(collections.auditEvents, (error) => {
      throw error;
    }),
    ends: { endKey: (_, keyId) => ended.push(keyId.toHexString()) },
  });
}

async function newViewer(role = 'USER'): Promise<Viewer> {
  const _id = new ObjectId();
  const name = _id.toHexString();
  const account = { _id, username: name, email: `${name}@example.org`, password: '!', role };
  await database.collections.users.collection.insertOne({
    ...account,
    isActive: true,
    isEmailVerified: false,
  } as never);
  return { userId: _id, sessionId: new ObjectId(), role, isEmailVerified: false } as Viewer;
}

const stored = (id: string) => database.collections.apiKeys.findById(id).select('+tokenHash').orFail().lean();
const change = (id: string, update: object) =>
  database.collections.apiKeys.collection.updateOne({ _id: new ObjectId(id) }, update);

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  ended = [];
  node = newNode();
  [ann, bob] = [await newViewer(), await newViewer()];
});

test('a key speaks for its account, with its scopes, as no administrator and without a session', async () => {
  const admin = await newViewer('ADMIN');
  const scopes = [Scope.FILES_WRITE, Scope.FILES_READ];
  const { key, apiKey } = await node.create(admin, { name: ' nightly\u0007 backup ', scopes });
  expect(await node.authenticate(key)).toEqual({
    userId: admin.userId,
    sessionId: null,
    role: 'USER',
    isEmailVerified: false,
    key: { id: apiKey._id, scopes: [Scope.FILES_READ, Scope.FILES_WRITE], expiresAt: null },
  });
  expect(apiKey).toMatchObject({ name: 'nightly backup', prefix: key.slice(0, 11), expiresAt: null });
});

test('nothing that is stored or answered again can be used as a key', async () => {
  const { key, apiKey } = await node.create(ann, READ);
  const document = await stored(apiKey.id);
  const [listed] = await node.list(ann.userId);
  const events = await database.collections.auditEvents.find({ targetId: apiKey._id }).lean();
  expect(events).toHaveLength(1);
  for (const seen of [document, listed, apiKey, events]) expect(JSON.stringify(seen)).not.toContain(key);
  expect(listed).not.toHaveProperty('tokenHash');
  expect(apiKey).not.toHaveProperty('tokenHash');
  await expect(node.authenticate(document.tokenHash)).rejects.toMatchObject(UNAUTHENTICATED);
});

test('an account has at most 100 keys that work, also when 50 are asked for at once', {
  timeout: 60_000,
}, async () => {
  const create = (of = node) =>
    of.create(ann, READ).then(
      ({ apiKey }) => apiKey,
      (error) => error.code as string,
    );
  const made = [];
  for (let i = 0; i < MOST_LIVE_KEYS - 20; i += 1) made.push(await create());
  const others = [node, newNode()];
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => create(others[i % 2])));
  expect(answers.filter((answer) => answer === 'CONFLICT')).toHaveLength(30);
  expect(await node.list(ann.userId)).toHaveLength(MOST_LIVE_KEYS);

  // A key that is taken back, and one that has expired, make room for another each.
  const [one, two] = made as { id: string }[];
  await node.revoke(ann, one?.id);
  await change(two?.id ?? '', { $set: { expiresAt: new Date(Date.now() - 1) } });
  expect([await create(), await create(), await create()].map((answer) => typeof answer)).toEqual([
    'object',
    'object',
    'string',
  ]);
  expect(typeof (await node.create(bob, READ)).key).toBe('string');
});

test('keys that ended are listed, the latest of them, and never in place of one that works', async () => {
  const first = await node.create(ann, READ);
  const old = Array.from({ length: MOST_ENDED_KEYS + 5 }, (_, n) => ({
    ...{ userId: ann.userId, name: `old ${n}`, prefix: 'imst_', tokenHash: `${ann.userId} ${n}` },
    ...{ scopes: [Scope.FILES_READ], revokedAt: new Date() },
  }));
  await database.collections.apiKeys.collection.insertMany(old as never);
  const last = await node.create(ann, READ);
  const names = (await node.list(ann.userId)).map(({ id, name }) => (name.startsWith('old') ? name : id));
  expect(names).toHaveLength(MOST_ENDED_KEYS + 2);
  expect(names.at(0)).toBe(last.apiKey.id);
  expect(names.at(1)).toBe(`old ${MOST_ENDED_KEYS + 4}`);
  expect(names.at(-2)).toBe('old 5');
  expect(names.at(-1)).toBe(first.apiKey.id);
});

test('a revoked key ends at once with what runs for it; revoking it again changes nothing', async () => {
  const { key, apiKey } = await node.create(ann, READ);
  await node.authenticate(key);
  const revoked = await node.revoke(ann, apiKey.id);
  expect(revoked.revokedAt).toBeInstanceOf(Date);
  expect(revoked).not.toHaveProperty('tokenHash');
  await expect(node.authenticate(key)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(ended).toEqual([apiKey.id]);
  expect((await node.revoke(ann, apiKey.id)).revokedAt).toEqual(revoked.revokedAt);
  const events = await database.collections.auditEvents
    .find({ targetId: apiKey._id })
    .sort({ _id: 1 })
    .lean();
  expect(events.map(({ action }) => action)).toEqual(['API_KEY_CREATED', 'API_KEY_REVOKED']);
});

test('nobody revokes the key of another, nor one that there is not', async () => {
  const { key, apiKey } = await node.create(ann, READ);
  for (const id of [apiKey.id, new ObjectId().toHexString(), 'x', { $ne: null }]) {
    await expect(node.revoke(bob, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }
  await expect(node.authenticate(key)).resolves.toMatchObject({ userId: ann.userId });
});

test('revoking all keys of an account ends each of them and nobody else’s', async () => {
  const own = [await node.create(ann, READ), await node.create(ann, READ)];
  const foreign = await node.create(bob, READ);
  for (const { key } of [...own, foreign]) await node.authenticate(key);
  expect(await node.revokeAll(ann.userId)).toBe(2);
  for (const { key } of own) await expect(node.authenticate(key)).rejects.toMatchObject(UNAUTHENTICATED);
  expect(ended.sort()).toEqual(own.map(({ apiKey }) => apiKey.id).sort());
  await expect(node.authenticate(foreign.key)).resolves.toMatchObject({ userId: bob.userId });
  expect(await node.revokeAll(ann.userId)).toBe(0);
});

test('whatever is asked about keys is answered by an index', async () => {
  const plans = new QueryPlans(database.connection);
  await database.collections.apiKeys.collection.insertMany(
    Array.from({ length: 200 }, (_, n) => ({
      userId: new ObjectId(),
      tokenHash: `of others ${n}`,
      slot: 1,
    })) as never,
  );
  await plans.expectIndexed(async () => {
    const { key, apiKey } = await node.create(ann, READ);
    await node.authenticate(key);
    await node.list(ann.userId);
    await node.isLive(ann.userId, apiKey._id);
    await node.revoke(ann, apiKey.id);
    await node.revoke(ann, apiKey.id);
    await node.create(ann, READ);
    await node.revokeAll(ann.userId);
  });
  const used = ['_id_', 'slots', 'token', 'user_keys'].map((name) => `apikeys.${name}`);
  expect([...plans.used].filter((name) => name.startsWith('apikeys.')).sort()).toEqual(used);
});

test('what ends on another node ends here within 5 seconds', async () => {
  const { key, apiKey } = await node.create(ann, READ);
  await node.authenticate(key);
  await newNode().revoke(ann, apiKey.id);
  now += 5_000;
  await expect(node.authenticate(key)).rejects.toMatchObject(UNAUTHENTICATED);
});

test('an expired key ends to the moment, remembered or not', async () => {
  const expiresAt = new Date(Date.now() + MINUTE_MS);
  const { key } = await node.create(ann, { ...READ, expiresAt });
  await node.authenticate(key);
  vi.useFakeTimers({ toFake: ['Date'], now: expiresAt });
  try {
    await expect(node.authenticate(key)).rejects.toMatchObject(UNAUTHENTICATED);
    await expect(newNode().authenticate(key)).rejects.toMatchObject(UNAUTHENTICATED);
  } finally {
    vi.useRealTimers();
  }
});

test.each([{ isActive: false }, { deletedAt: new Date() }])(
  'no key works for an account with %o',
  async (state) => {
    const { key } = await node.create(ann, READ);
    await database.collections.users.updateOne({ _id: ann.userId }, { $set: state });
    await expect(node.authenticate(key)).rejects.toMatchObject(UNAUTHENTICATED);
  },
);

test('what has not a key’s form or checksum is refused without asking the database', async () => {
  const { key } = await node.create(ann, READ);
  const commands: string[] = [];
  const note = ({ commandName }: { commandName: string }) => commands.push(commandName);
  const client = database.connection.getClient();
  client.on('commandStarted', note);
  const typo = key.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  for (const wrong of ['imst_', typo, `${key}x`, { $ne: '' }]) {
    await expect(node.authenticate(wrong)).rejects.toMatchObject(UNAUTHENTICATED);
  }
  client.off('commandStarted', note);
  expect(commands).toEqual([]);
});

test('its use is noted at most once a minute', async () => {
  const { key, apiKey } = await node.create(ann, READ);
  const usedAt = async () => (await stored(apiKey.id)).lastUsedAt?.getTime() ?? 0;
  const use = async () => {
    now += 5_000;
    await node.authenticate(key);
  };
  await use();
  await vi.waitFor(async () => expect(await usedAt()).toBeGreaterThan(0));
  const first = await usedAt();
  const commands = new QueryPlans(database.connection);
  expect((await commands.expectIndexed(use)).length).toBe(2);
  expect(await usedAt()).toBe(first);
  await change(apiKey.id, { $set: { lastUsedAt: new Date(Date.now() - MINUTE_MS) } });
  await use();
  await vi.waitFor(async () => expect(await usedAt()).toBeGreaterThanOrEqual(first));
});
