import { expect, it } from 'vitest';
import { EventQueue } from './event-queue.ts';

it('gives things in their order, those that come before they are asked for and those that come after', async () => {
  const queue = new EventQueue<number>(2);
  queue.push(1);
  expect(await queue.take()).toBe(1);
  const next = queue.take();
  queue.push(2);
  expect(await next).toBe(2);
});

it('takes no more than it may hold', async () => {
  const queue = new EventQueue<number>(2);
  expect([1, 2, 3].map((thing) => queue.push(thing))).toEqual([true, true, false]);
  expect([await queue.take(), queue.size, queue.push(3)]).toEqual([1, 1, true]);
});

it('ends for who waits and for who comes later, and drops what waited', async () => {
  const waited = new EventQueue<number>(2);
  const next = waited.take();
  waited.close();
  expect([await next, await waited.take(), waited.push(1)]).toEqual([null, null, false]);
  const full = new EventQueue<number>(2);
  full.push(1);
  full.close();
  expect([await full.take(), full.size]).toEqual([null, 0]);
});

it('fails once, for who waits or for who comes next', async () => {
  const missed = new Error('missed');
  const waited = new EventQueue<number>(2);
  const next = waited.take();
  waited.close(missed);
  await expect(next).rejects.toBe(missed);
  expect(await waited.take()).toBeNull();
  const later = new EventQueue<number>(2);
  later.close(missed);
  await expect(later.take()).rejects.toBe(missed);
  expect(await later.take()).toBeNull();
});
