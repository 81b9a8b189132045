import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ObjectId } from '../../../src/models/object-id.ts';
import { AccountWatch } from '../../../src/services/accounts/account-watch.ts';
import type { RunsFor } from '../../../src/services/viewer.ts';
import { commandsOf } from '../../support/commands.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { QueryPlans } from '../../support/queries/query-plans.ts';

let database: TestDatabase;
let watch: AccountWatch;
let user: ObjectId;
let releases: (() => void)[];

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  watch = new AccountWatch(database.collections);
  user = await account();
  releases = [];
});
afterEach(() => {
  for (const release of releases) release();
  expect(watch.size).toBe(0);
});

async function account(): Promise<ObjectId> {
  const _id = new ObjectId();
  const name = _id.toHexString();
  await database.collections.users.collection.insertOne({
    _id,
    username: name,
    email: name,
    isActive: true,
  } as never);
  return _id;
}

async function session(revokedAt: Date | null = null): Promise<ObjectId> {
  const _id = new ObjectId();
  await database.collections.sessions.collection.insertOne({
    _id,
    userId: user,
    family: `${_id}`,
    revokedAt,
  } as never);
  return _id;
}

function running(who: RunsFor) {
  const { signal, release } = watch.during(who);
  releases.push(release);
  return signal;
}

const change = (set: object) => database.collections.users.updateOne({ _id: user }, { $set: set });
const UNAUTHENTICATED = { code: 'UNAUTHENTICATED' };

describe('What this node ends', () => {
  it('stops at once what runs for an account, and nothing that runs for another', async () => {
    const own = [running({ userId: user }), running({ userId: user, sessionId: new ObjectId() })];
    const other = running({ userId: await account() });
    watch.end(user);
    expect(own.map(({ reason }) => reason)).toEqual([
      expect.objectContaining(UNAUTHENTICATED),
      expect.objectContaining(UNAUTHENTICATED),
    ]);
    expect(other.aborted).toBe(false);
  });

  it('stops what runs for one session, or for all but one, and leaves what runs without any', () => {
    const [one, two, key] = [new ObjectId(), new ObjectId(), { id: new ObjectId() }];
    const [first, second] = [
      running({ userId: user, sessionId: one }),
      running({ userId: user, sessionId: two }),
    ];
    const [bare, keyed] = [running({ userId: user }), running({ userId: user, sessionId: null, key })];
    watch.endSessions(user, { except: one });
    expect([first.aborted, second.aborted]).toEqual([false, true]);
    watch.endSessions(user, { only: one });
    expect(first.aborted).toBe(true);
    expect([bare.aborted, keyed.aborted]).toEqual([false, false]);
    watch.endKey(user, key.id);
    expect([bare.aborted, keyed.aborted]).toEqual([false, true]);
  });

  it('is told once to whoever asked to be, and not to who asked no more', () => {
    const calls: string[] = [];
    watch.onEnd({ userId: user }, () => calls.push('one'));
    const stop = watch.onEnd({ userId: user }, () => calls.push('two'));
    stop();
    stop();
    watch.end(user);
    watch.end(user);
    expect(calls).toEqual(['one']);
  });

  it('ends work with UNAUTHENTICATED, whatever the work says of it, and errors of its own stay', async () => {
    const work = watch.run(
      { userId: user },
      undefined,
      (signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cut')))),
    );
    watch.end(user);
    await expect(work).rejects.toMatchObject(UNAUTHENTICATED);
    await expect(
      watch.run({ userId: user }, undefined, () => Promise.reject(new Error('own'))),
    ).rejects.toThrow('own');
    const cut = AbortSignal.abort(new Error('gone'));
    await expect(watch.run({ userId: user }, cut, async (signal) => signal.throwIfAborted())).rejects.toThrow(
      'gone',
    );
    expect(await watch.run({ userId: user }, undefined, async () => 'done')).toBe('done');
  });

  it('fails a stream, and a stream that closed by itself is watched no more', async () => {
    const [cut, done] = [new PassThrough(), new PassThrough()];
    watch.stream({ userId: user }, cut);
    watch.stream({ userId: user }, done);
    done.end().resume();
    await new Promise((resolve) => done.once('close', resolve));
    expect(watch.size).toBe(1);
    const failed = new Promise((resolve) => cut.once('error', resolve));
    watch.end(user);
    expect(await failed).toMatchObject(UNAUTHENTICATED);
    const closed = new PassThrough().destroy();
    await new Promise((resolve) => closed.once('close', resolve));
    watch.stream({ userId: user }, closed);
  });
});

describe('What another node ends stops at the next check', () => {
  it.each([
    ['is deactivated', { isActive: false }],
    ['is deleted', { deletedAt: new Date() }],
  ])('when the account %s', async (_how, set) => {
    const [own, other] = [running({ userId: user }), running({ userId: await account() })];
    await watch.check();
    expect(own.aborted).toBe(false);
    await change(set);
    await watch.check();
    expect([own.aborted, other.aborted]).toEqual([true, false]);
  });

  it('when the account is there no more', async () => {
    const own = running({ userId: user });
    await database.collections.users.deleteOne({ _id: user });
    await watch.check();
    expect(own.aborted).toBe(true);
  });

  it('when the session or the key is revoked, but not when a session ran out', async () => {
    const [live, dead] = [await session(), await session(new Date())];
    const key = new ObjectId();
    const { apiKeys } = database.collections;
    await apiKeys.collection.insertOne({
      _id: key,
      userId: user,
      tokenHash: `${key}`,
      revokedAt: new Date(),
    } as never);
    const signals = [live, dead, new ObjectId()].map((sessionId) => running({ userId: user, sessionId }));
    const keyed = running({ userId: user, key: { id: key } });
    await watch.check();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true, false]);
    expect(keyed.aborted).toBe(true);
  });

  it('by one query for each kind that runs, by index, and by none while nothing runs', async () => {
    const check = () => commandsOf(database.connection, () => watch.check());
    expect(await check()).toEqual([]);
    for (let i = 0; i < 50; i += 1) running({ userId: user });
    expect(await check()).toHaveLength(1);
    running({ userId: user, sessionId: await session() });
    running({ userId: user, key: { id: new ObjectId() } });
    expect(await new QueryPlans(database.connection).expectIndexed(() => watch.check())).toHaveLength(3);
  });

  it('but not while the database cannot be asked', async () => {
    const own = running({ userId: user });
    const broken = Object.assign(Object.create(watch), { collections: {} }) as AccountWatch;
    await expect(broken.check()).rejects.toThrow();
    expect(own.aborted).toBe(false);
  });
});
