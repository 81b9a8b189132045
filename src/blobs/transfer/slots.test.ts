import { expect, it } from 'vitest';
import { Slots } from './slots.ts';

it('lets so many be under way at once, the others in the order in which they came', async () => {
  const slots = new Slots(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const running = [0, 1, 2, 3].map((index) =>
    slots.during(() => {
      begun.push(index);
      return new Promise<void>((end) => {
        ends.push(end);
      });
    }),
  );
  await new Promise(setImmediate);
  expect(begun).toEqual([0, 1]);
  for (const count of [3, 4]) {
    ends.shift()?.();
    await new Promise(setImmediate);
    expect(begun).toHaveLength(count);
  }
  for (const end of ends) end();
  await Promise.all(running);
  expect(begun).toEqual([0, 1, 2, 3]);
});

it('gives a slot back once, however often it is given back', async () => {
  const slots = new Slots(1);
  const giveBack = await slots.take();
  giveBack();
  giveBack();
  await slots.take();
  const ending = new AbortController();
  const waiting = slots.take(ending.signal);
  ending.abort(new Error('too long'));
  await expect(waiting).rejects.toThrow('too long');
});

it('gives the turn of one who no longer waits to the next', async () => {
  const slots = new Slots(1);
  const giveBack = await slots.take();
  const ending = new AbortController();
  const gone = slots.take(ending.signal);
  const next = slots.take();
  ending.abort(new Error('gone'));
  await expect(gone).rejects.toThrow('gone');
  giveBack();
  await expect(next).resolves.toBeInstanceOf(Function);
});
