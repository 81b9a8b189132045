import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

const LONG = 10_000;

test('nobody holds more than half of the turns, however many are free', async () => {
  const turns = new Turns(4, LONG);
  const [first] = [await turns.take('ann'), await turns.take('ann')];
  let third = false;
  const waiting = turns.take('ann').then(() => {
    third = true;
  });
  await turns.take('bob');
  expect(third).toBe(false);
  first?.();
  await waiting;
  expect(third).toBe(true);
});

test('a turn that comes free goes to the first who may have it', async () => {
  const turns = new Turns(2, LONG);
  const anns = await turns.take('ann');
  const bobs = await turns.take('bob');
  const order: string[] = [];
  const waits = ['ann', 'cid'].map((name) => turns.take(name).then(() => order.push(name)));
  bobs();
  await waits[1];
  expect(order).toEqual(['cid']);
  anns();
  await waits[0];
  expect(order).toEqual(['cid', 'ann']);
});

test('a turn that is given back twice is given back once', async () => {
  const turns = new Turns(2, 1);
  const back = await turns.take('ann');
  await turns.take('bob');
  back();
  back();
  await turns.take('cid');
  await expect(turns.take('dee')).rejects.toThrow('Too many');
});
