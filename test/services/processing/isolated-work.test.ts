import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import {
  endIdleChildren,
  idleChildren,
  isolatedTask,
  runIsolated,
} from '../../../src/isolated/isolated-work.ts';
import { HostMaker } from '../../../src/services/processing/content-maker.ts';
import { sourceOf } from '../../support/content-sources.ts';
import type { Mischief } from '../../support/hostile-work.ts';

const TASK = isolatedTask<typeof import('../../support/hostile-work.ts')>(
  import.meta.url,
  '../../support/hostile-work',
);
const GIBIBYTE = 1024 ** 3;

interface Answer {
  readonly pid: number;
  readonly text: string;
  readonly environment: string[];
}

const content = () => sourceOf(Buffer.from('hello'));

async function make(
  mischief: Mischief,
  { signal = AbortSignal.timeout(20_000), mostMemory = GIBIBYTE, source = content() } = {},
): Promise<Answer> {
  return (await runIsolated(TASK, mischief, source, { signal, mostMemory })) as Answer;
}

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

afterAll(endIdleChildren);

test('Work is done in another process, which lives on for the next piece of work and knows none of the secrets of this one.', async () => {
  const [first, second] = [await make('answer'), await make('answer')];
  expect(first).toMatchObject({ text: 'hello' });
  expect(first.pid).not.toBe(process.pid);
  expect(second.pid).toBe(first.pid);
  expect(first.environment.filter((name) => !/^(?:NODE_CHANNEL|MALLOC_ARENA_MAX$)/.test(name))).toEqual([]);
});

test.each<[string, Mischief]>([
  ['crashes', 'crash'],
  ['ends', 'exit'],
  ['fills its heap', 'heap'],
])('A process that %s fails its own work alone; the next is done by another.', async (_what, mischief) => {
  const before = await make('answer');
  const others = make('wait');
  await expect(make(mischief)).rejects.toThrow(/The process that decoded the content ended: /);
  expect(await others).toMatchObject({ text: 'hello' });
  const after = await make('answer');
  expect(after.text).toBe('hello');
  expect([before.pid, (await others).pid, after.pid]).toContain(after.pid);
});

test('Work that takes more memory than it may ends before it takes much more, and is told to be the content’s fault.', async () => {
  const hoarding = make('hoard', { mostMemory: 300 * 1024 ** 2 });
  await expect(hoarding).rejects.toMatchObject({
    code: 'BAD_USER_INPUT',
    message: expect.stringMatching(/memory/),
  });
});

test('An abort ends a process that hangs, and the work rejects with its reason once the process is gone.', async () => {
  await endIdleChildren();
  const { pid } = await make('answer');
  const controller = new AbortController();
  const reason = new Error('enough');
  const hanging = make('hang', { signal: controller.signal });
  await delay(100);
  controller.abort(reason);
  await expect(hanging).rejects.toBe(reason);
  expect(isRunning(pid)).toBe(false);
  await expect(make('answer', { signal: controller.signal })).rejects.toBe(reason);
});

test('A content that cannot be read fails its work as such, and nothing of it stays open.', async () => {
  const source = { size: 5, open: () => Promise.reject(new Error('the store is away')) };
  await expect(
    runIsolated(TASK, 'answer', source, { signal: AbortSignal.timeout(9_000), mostMemory: GIBIBYTE }),
  ).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    message: 'the store is away',
  });
  const short = { size: 9, open: () => content().open({ start: 0, end: 4 }) };
  await expect(
    runIsolated(TASK, 'answer', short, { signal: AbortSignal.timeout(9_000), mostMemory: GIBIBYTE }),
  ).rejects.toThrow(/early/);
});

test('A content that sends its reader to and fro for ever is given up, and its streams are closed.', async () => {
  const source = sourceOf(Buffer.alloc(0), 4 * 1024 ** 2);
  await expect(make('read-on', { source })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  await expect.poll(() => source.reads().open).toBe(0);
});

test('Of fifty pieces of work only as many run at once as there are processors, and what waits can be called off.', async () => {
  const controller = new AbortController();
  const work = Array.from({ length: 50 }, () => make('wait'));
  const calledOff = make('wait', { signal: controller.signal });
  controller.abort(new Error('called off'));
  await expect(calledOff).rejects.toThrow('called off');
  const answers = await Promise.all(work);
  const { availableParallelism } = await import('node:os');
  const most = Math.max(2, availableParallelism());
  expect(new Set(answers.map(({ pid }) => pid)).size).toBeLessThanOrEqual(most);
  expect(idleChildren().length).toBeLessThanOrEqual(most);
});

test('A service that stops ends the processes that wait for work.', async () => {
  const { pid } = await make('answer');
  expect(idleChildren()).toContain(pid);
  const reader = { open: () => Promise.reject(new Error('nothing is read')) };
  await new HostMaker(reader, { maxPixels: 1, keepLocation: false }).close();
  expect([idleChildren(), isRunning(pid)]).toEqual([[], false]);
});
