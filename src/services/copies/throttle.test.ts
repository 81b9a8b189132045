import { expect, test } from 'vitest';
import { Throttle } from './throttle.ts';

test('All who share a throttle together pass no faster than it says', async () => {
  const throttle = new Throttle(100_000);
  const began = performance.now();
  const each = async () => {
    for (let i = 0; i < 5; i += 1) await throttle.take(2_000);
  };
  await Promise.all([each(), each(), each()]);
  // 30 000 bytes, of which the first portion does not wait.
  expect(performance.now() - began).toBeGreaterThan(250);
});

test('Whoever is aborted while it waits rejects at once', async () => {
  const throttle = new Throttle(1_000);
  await throttle.take(1_000_000);
  const stop = new AbortController();
  const waiting = throttle.take(1, stop.signal);
  stop.abort();
  await expect(waiting).rejects.toThrow();
});
