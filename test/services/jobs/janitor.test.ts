import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Metrics } from '../../../src/http/metrics.ts';
import { Every } from '../../../src/jobs/every.ts';
import { Janitor, type Job, type JobRun } from '../../../src/jobs/janitor.ts';
import { Leases } from '../../../src/services/leases.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
afterEach(async () => {
  await database.collections.leases.deleteMany();
});

const NEVER = new AbortController().signal;
const job = (name: string, run: Job['run']): Job => ({ name, about: 'a job of the tests', run });

function janitor(...jobs: Job[]) {
  const told: JobRun[] = [];
  const leases = new Leases(database.collections.leases);
  return { told, janitor: new Janitor(jobs, leases, (run) => void told.push(run)) };
}
const outcomes = (runs: readonly JobRun[]) => runs.map(({ name, outcome, count }) => [name, outcome, count]);

test('all jobs run in their order, and one that fails keeps none of the others from it', async () => {
  const order: string[] = [];
  const step = (name: string, run: Job['run']) =>
    job(name, (signal) => {
      order.push(name);
      return run(signal);
    });
  const { janitor: it, told } = janitor(
    step('first', async () => 3),
    step('second', () => Promise.reject(new Error('no luck'))),
    step('third', async () => 0),
  );
  const runs = await it.runAll(NEVER);
  expect(order).toEqual(['first', 'second', 'third']);
  expect(outcomes(runs)).toEqual([
    ['first', 'done', 3],
    ['second', 'failed', 0],
    ['third', 'done', 0],
  ]);
  expect(runs[1]?.error).toMatchObject({ message: 'no luck' });
  expect(told).toEqual(runs);
});

test('a job runs on one node at a time; the others leave it alone and go on to the next', async () => {
  const ran = { long: 0, short: 0 };
  const nodes = Array.from({ length: 8 }, () =>
    janitor(
      job('long', async () => {
        ran.long += 1;
        await delay(500);
        return 1;
      }),
      job('short', async () => {
        ran.short += 1;
        return 0;
      }),
    ),
  );
  const runs = await Promise.all(nodes.map(({ janitor: it }) => it.runAll(NEVER)));
  expect(ran.long).toBe(1);
  expect(ran.short).toBeGreaterThan(0);
  const long = runs.map(([first]) => first?.outcome);
  expect(long.filter((outcome) => outcome === 'done')).toHaveLength(1);
  expect(long.filter((outcome) => outcome === 'skipped')).toHaveLength(7);
});

test('a job is run by its name, and an unknown name is refused', async () => {
  const { janitor: it } = janitor(
    job('one', async () => 1),
    job('two', async () => 2),
  );
  expect(outcomes([await it.run('two', NEVER)])).toEqual([['two', 'done', 2]]);
  await expect(it.run('three', NEVER)).rejects.toThrow('There is no job three.');
});

test('says how long a run took', async () => {
  const { janitor: it } = janitor(job('slow', () => delay(300, 1)));
  const { milliseconds } = await it.run('slow', NEVER);
  expect(milliseconds).toBeGreaterThanOrEqual(290);
  expect(milliseconds).toBeLessThan(5_000);
});

test('a stop ends the job that is under way and begins no other', async () => {
  const begun: string[] = [];
  const { janitor: it } = janitor(
    job('long', async (signal) => {
      begun.push('long');
      return delay(60_000, 1, { signal });
    }),
    job('next', async () => begun.push('next')),
  );
  const results: JobRun[][] = [];
  const every = new Every(
    60,
    async (signal) => results.push(await it.runAll(signal)),
    () => undefined,
  );
  every.start();
  await expect.poll(() => begun).toEqual(['long']);
  await every.stop();
  expect(begun).toEqual(['long']);
  expect(outcomes(results[0] ?? [])).toEqual([['long', 'stopped', 0]]);
  expect(await database.collections.leases.countDocuments()).toBe(0);
});

test('runs are counted by job and outcome, and the last success is dated', async () => {
  const metrics = new Metrics();
  const failure = job('failing', () => Promise.reject(new Error('no luck')));
  const leases = new Leases(database.collections.leases);
  const it = new Janitor([job('working', async () => 1), failure], leases, (run) => metrics.jobEnded(run));
  for (let i = 0; i < 2; i += 1) await it.runAll(NEVER);
  const text = await metrics.text();
  expect(text).toContain('job_runs_total{job="working",outcome="done"} 2\n');
  expect(text).toContain('job_runs_total{job="failing",outcome="failed"} 2\n');
  const [, seconds] = /^job_last_success_timestamp_seconds\{job="working"\} (\S+)$/m.exec(text) ?? [];
  expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(60);
  expect(text).not.toContain('job_last_success_timestamp_seconds{job="failing"}');
});

test('a job with a rest of its own runs by itself only once it is over, but at once when it is asked for', async () => {
  let ran = 0;
  const resting = { ...job('resting', async () => (ran += 1)), restMs: 300 };
  const { janitor: it } = janitor(resting);
  expect(await it.runAll(NEVER)).toHaveLength(1);
  expect(await it.runAll(NEVER)).toHaveLength(0);
  expect((await it.run('resting', NEVER)).outcome).toBe('done');
  await delay(310);
  expect(await it.runAll(NEVER)).toHaveLength(1);
  expect(ran).toBe(3);
});

test('a job that failed does not rest', async () => {
  const failing = { ...job('failing', () => Promise.reject(new Error('no luck'))), restMs: 60_000 };
  const { janitor: it } = janitor(failing);
  expect(outcomes(await it.runAll(NEVER))).toEqual([['failing', 'failed', 0]]);
  expect(outcomes(await it.runAll(NEVER))).toEqual([['failing', 'failed', 0]]);
});
