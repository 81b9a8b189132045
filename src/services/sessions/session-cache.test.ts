import { expect, test, vi } from 'vitest';
import type { Viewer } from '../viewer.ts';
import { SessionCache } from './session-cache.ts';

const claims = { userId: '64b000000000000000000001', sessionId: '64b000000000000000000002' };
const viewer = { role: 'USER', userId: claims.userId } as unknown as Viewer;
const another = (n: number) => ({ ...claims, sessionId: `session ${n}` });
const found = () => vi.fn(async (): Promise<Viewer | null> => viewer);
const foundOf = (userId: string) => async () => ({ ...viewer, userId }) as unknown as Viewer;

test('an answer is remembered for 5 seconds from the moment it was asked for', async () => {
  let now = 0;
  const cache = new SessionCache({ now: () => now });
  const look = found();
  await cache.get(claims, async () => {
    now += 2_000;
    return look();
  });
  now = 4_999;
  await cache.get(claims, look);
  expect(look).toHaveBeenCalledTimes(1);
  now = 5_000;
  await cache.get(claims, look);
  expect(look).toHaveBeenCalledTimes(2);
});

test('callers that miss together share one look', async () => {
  const cache = new SessionCache();
  const look = found();
  const answers = await Promise.all(Array.from({ length: 20 }, () => cache.get(claims, look)));
  expect(answers).toEqual(Array(20).fill(viewer));
  expect(look).toHaveBeenCalledTimes(1);
});

test('a look that began before the session was forgotten answers nobody who comes after', async () => {
  const cache = new SessionCache();
  let answer = (_: Viewer | null) => {};
  const slow = new Promise<Viewer | null>((settle) => {
    answer = settle;
  });
  const before = cache.get(claims, () => slow);
  cache.forget(claims.userId, claims.sessionId);
  const during = cache.get(claims, async () => null);
  answer(viewer);
  expect(await before).toBe(viewer);
  expect(await during).toBeNull();
  expect(await cache.get(claims, async () => null)).toBeNull();
});

test('forgetting a user forgets all its sessions and nobody else’s', async () => {
  const cache = new SessionCache();
  const other = { ...claims, userId: '64b000000000000000000003' };
  for (const each of [claims, another(1)]) await cache.get(each, found());
  await cache.get(other, foundOf(other.userId));
  cache.forget(claims.userId);
  const look = found();
  for (const each of [claims, another(1), other]) await cache.get(each, look);
  expect(look).toHaveBeenCalledTimes(2);
});

test('forgetting a user forgets its API keys, also one whose owner is still being looked up, and no other’s', async () => {
  const cache = new SessionCache();
  await cache.get('own key', found());
  await cache.get('foreign key', foundOf('64b000000000000000000003'));
  let answer = (_: Viewer | null) => {};
  const slow = cache.get('slow key', () => new Promise((settle) => (answer = settle)));
  cache.forget(claims.userId);
  answer(viewer);
  await slow;
  const look = found();
  for (const key of ['own key', 'foreign key', 'slow key']) await cache.get(key, look);
  expect(look).toHaveBeenCalledTimes(2);
});

test('a forgotten API key is looked up anew, and no other', async () => {
  const cache = new SessionCache();
  for (const key of ['one', 'two']) await cache.get(key, found());
  cache.forgetKey('one');
  const look = found();
  for (const key of ['one', 'two']) await cache.get(key, look);
  expect(look).toHaveBeenCalledTimes(1);
});

test('neither a dead session nor a failed look is remembered', async () => {
  const cache = new SessionCache();
  expect(await cache.get(claims, async () => null)).toBeNull();
  await expect(cache.get(claims, () => Promise.reject(new Error('database away')))).rejects.toThrow('away');
  expect(await cache.get(claims, found())).toBe(viewer);
});

test('it never holds more than its bound, and lets the oldest go first', async () => {
  const cache = new SessionCache({ maxEntries: 3 });
  const look = found();
  for (const n of [1, 2, 3, 4]) await cache.get(another(n), look);
  await cache.get(another(4), look);
  await cache.get(another(2), look);
  expect(look).toHaveBeenCalledTimes(4);
  await cache.get(another(1), look);
  expect(look).toHaveBeenCalledTimes(5);
});
