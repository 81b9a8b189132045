import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Leases } from '../../../src/services/leases.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';

const NAME = 'work';
const SHORT_MS = 400;

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
afterEach(async () => {
  await database.collections.leases.deleteMany();
});

const node = (leaseMs = SHORT_MS) => new Leases(database.collections.leases, leaseMs);
const held = () => database.collections.leases.countDocuments();

/** Rejects with the signal's reason once it is aborted. */
const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    if (signal.aborted) reject(signal.reason);
  });

test('of twenty nodes that ask at once one works, and the others are told so', async () => {
  const most = { now: 0, ever: 0 };
  const work = async () => {
    most.now += 1;
    most.ever = Math.max(most.ever, most.now);
    await delay(300);
    most.now -= 1;
    return 'mine';
  };
  const results = await Promise.all(Array.from({ length: 20 }, () => node(5_000).hold(NAME, work)));
  expect(most.ever).toBe(1);
  expect(results.filter((result) => result === 'mine')).toHaveLength(1);
  expect(results.filter((result) => result === null)).toHaveLength(19);
});

test('work of other names is not kept waiting', async () => {
  const inner = node().hold(NAME, () => node().hold('other work', async () => 'both'));
  expect(await inner).toBe('both');
});

test('is free again when the work ends, and when it fails', async () => {
  expect(await node().hold(NAME, async () => 1)).toBe(1);
  expect(await held()).toBe(0);
  const failing = node().hold(NAME, () => Promise.reject(new Error('no luck')));
  await expect(failing).rejects.toThrow('no luck');
  expect(await held()).toBe(0);
  expect(await node().hold(NAME, async () => 2)).toBe(2);
});

test('is kept for as long as the work lasts, however much longer than one lease that is', async () => {
  // Long enough that a slow machine renews it in time.
  const leaseMs = 2_000;
  const working = node(leaseMs).hold(NAME, (signal) => delay(2.5 * leaseMs, 'done', { signal }));
  for (let i = 0; i < 8; i += 1) {
    await delay(leaseMs / 4);
    expect(await node(leaseMs).hold(NAME, async () => 'stolen')).toBeNull();
  }
  expect(await working).toBe('done');
});

test('falls to another node when its holder dies, and not before its time', async () => {
  const { collection } = database.collections.leases;
  const until = new Date(Date.now() + 500);
  await collection.insertOne({ _id: NAME as never, holder: 'a process that was killed', until });
  expect(await node().hold(NAME, async () => 'early')).toBeNull();
  await delay(600);
  const takers = await Promise.all(
    Array.from({ length: 10 }, () => node().hold(NAME, () => delay(100, 'taken'))),
  );
  expect(takers.filter(Boolean)).toEqual(['taken']);
});

test('tells a holder that has lost it, and leaves it to the one that has it now', async () => {
  const { collection } = database.collections.leases;
  const working = node().hold(NAME, untilAborted);
  working.catch(() => undefined);
  await expect.poll(held).toBe(1);
  const until = new Date(Date.now() + 60_000);
  await collection.updateOne({ _id: NAME as never }, { $set: { holder: 'somebody else', until } });
  await expect(working).rejects.toThrow('The lease of work is lost.');
  expect(await collection.findOne({ _id: NAME as never })).toMatchObject({ holder: 'somebody else' });
});

test('passes on that the caller wants the work to end', async () => {
  const caller = new AbortController();
  const working = node().hold(NAME, untilAborted, caller.signal);
  working.catch(() => undefined);
  await expect.poll(held).toBe(1);
  caller.abort(new Error('enough'));
  await expect(working).rejects.toThrow('enough');
  expect(await held()).toBe(0);
});
