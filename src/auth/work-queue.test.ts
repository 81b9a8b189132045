import { expect, test } from 'vitest';
import { WorkQueue } from './work-queue.ts';

test('runs no more tasks at once than it was told', async () => {
  const queue = new WorkQueue(2, 10);
  let running = 0;
  let most = 0;
  const task = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running -= 1;
  };
  await Promise.all(Array.from({ length: 10 }, () => queue.run(task)));
  expect(most).toBe(2);
});

test('refuses what finds no room to wait as RATE_LIMITED, without running it', async () => {
  const queue = new WorkQueue(1, 1);
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  const first = queue.run(() => promise);
  const second = queue.run(async () => 'second');
  let ran = false;
  const third = queue.run(async () => {
    ran = true;
  });
  await expect(third).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: expect.any(Number) });
  resolve();
  await first;
  expect(await second).toBe('second');
  expect(ran).toBe(false);
});

test('goes on after a task that failed', async () => {
  const queue = new WorkQueue(1, 1);
  await expect(queue.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await queue.run(async () => 'yes')).toBe('yes');
});
