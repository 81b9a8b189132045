import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { JobQueue, type QueueParts } from '../../../src/jobs/queue.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';

const LOCK_MS = 1_500;
const POLL_MS = 50;

const BRIEF = { lockMs: LOCK_MS };

let database: TestDatabase;
const opened: JobQueue[] = [];
const errors: unknown[] = [];

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
afterEach(async () => {
  await Promise.all(opened.splice(0).map((queue) => queue.stop()));
  await database.collections.jobs.deleteMany();
  expect(errors.splice(0)).toEqual([]);
});

function open(work: QueueParts['work'], { concurrency = 2, ...more }: Partial<QueueParts> = {}): JobQueue {
  const { db } = database.connection;
  if (!db) throw new Error('The database is not connected.');
  const queue = new JobQueue({
    ...{ database: db, name: 'process', concurrency, work, pollMs: POLL_MS, ...more },
    onError: (error) => void errors.push(error),
  });
  opened.push(queue);
  return queue;
}

const left = () => database.collections.jobs.countDocuments();
const isEmpty = () => vi.waitFor(async () => expect(await left()).toBe(0), { timeout: 10_000 });

describe('The queue', () => {
  it('does each job once, of two processes one, and never more at once than it may', async () => {
    const done: string[] = [];
    let running = 0;
    let most = 0;
    const work = async (subject: string) => {
      running += 1;
      most = Math.max(most, running);
      await pause(2);
      running -= 1;
      done.push(subject);
      return null;
    };
    const subjects = Array.from({ length: 60 }, (_, i) => `subject ${i}`);
    const queues = [open(work), open(work)];
    await Promise.all(subjects.map((subject, i) => queues[i % 2]?.add(subject)));
    for (const queue of queues) queue.start();
    await isEmpty();
    expect(done.toSorted()).toEqual(subjects.toSorted());
    expect(most).toBeLessThanOrEqual(4);
  });

  it('is not slower for jobs that come one after another than they take', async () => {
    const queue = open(async () => null, { concurrency: 1, pollMs: 2_000 });
    queue.start();
    await queue.add('first');
    await isEmpty();
    const began = performance.now();
    for (let i = 0; i < 40; i += 1) await queue.add(`subject ${i}`);
    await isEmpty();
    // By polls alone it would take 40 of them.
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  it('holds one job for a subject, however often and by whomever it is added', async () => {
    const [one, other] = [open(async () => null), open(async () => null)];
    await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? one : other).add('same')));
    expect(await left()).toBe(1);
  });

  it('does again what asks for it, when it asks for it', async () => {
    const times: number[] = [];
    const queue = open(async () => (times.push(performance.now()) < 3 ? 60 : null));
    queue.start();
    await queue.add('again');
    await isEmpty();
    expect(times).toHaveLength(3);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(55);
  });

  it('takes the job of a process over that died, and not of one that is alive for long', async () => {
    let runs = 0;
    const slow = open(async () => {
      runs += 1;
      await pause(2 * LOCK_MS);
      return null;
    }, BRIEF);
    slow.start();
    const taker = open(async () => {
      runs += 1;
      return null;
    }, BRIEF);
    await slow.add('long');
    await vi.waitFor(() => expect(runs).toBe(1));
    taker.start();
    await isEmpty();
    expect(runs).toBe(1);

    // As a process leaves it that is killed while it runs.
    await slow.stop();
    const dead = { name: 'process', data: { blob: 'orphan' }, nextRunAt: null, lockedAt: new Date() };
    await database.collections.jobs.collection.insertOne(dead as never);
    await isEmpty();
    expect(runs).toBe(2);
    // The library may look whether the job is alive in the moment in which it ends, and says so.
    errors.splice(0);
  });

  it('stops soon, and leaves what it was at to others', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const queue = open(
      (_subject, signal) =>
        new Promise((end) => {
          signal.addEventListener('abort', () => end(0));
          resolve();
        }),
    );
    queue.start();
    await queue.add('unfinished');
    await promise;
    const began = performance.now();
    await queue.stop();
    expect(performance.now() - began).toBeLessThan(10_000);
    const done: string[] = [];
    open(async (subject) => {
      done.push(subject);
      return null;
    }).start();
    await isEmpty();
    expect(done).toEqual(['unfinished']);
  });

  it('makes no collection besides its own', async () => {
    const queue = open(async () => null);
    queue.start();
    await queue.add('one');
    await isEmpty();
    const names = await database.connection.db?.listCollections().toArray();
    expect(names?.map(({ name }) => name).filter((name) => /agenda/i.test(name))).toEqual([]);
  });
});
