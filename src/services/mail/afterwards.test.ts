import { expect, test } from 'vitest';
import { noteSpent, spentLimits } from '../limits/spent-limits.ts';
import { currentRequest, withinRequest } from '../request-facts.ts';
import { Afterwards } from './afterwards.ts';

test('what is to be done after answers is bounded, and a failure of it is told', async () => {
  const errors: unknown[] = [];
  const afterwards = new Afterwards({
    onError: (error) => void errors.push(error),
    most: 2,
    delayMs: 60_000,
  });
  const done: number[] = [];
  for (let i = 0; i < 4; i += 1) {
    afterwards.do(async () => {
      done.push(i);
      if (i === 1) throw new Error('failed');
    });
  }
  await afterwards.finish();
  expect(done.toSorted()).toEqual([0, 1]);
  expect(errors).toHaveLength(3);
});

test('what is done after an answer knows its request, and what it spends is not told with the answer', async () => {
  const afterwards = new Afterwards({ onError: () => undefined });
  const facts = { requestId: 'r', ip: '192.0.2.7', userAgent: null };
  let known: unknown;
  withinRequest(facts, () => {
    afterwards.do(async () => {
      known = currentRequest();
      noteSpent({ limit: 'mail', points: 3, within: 3_600, remaining: 2, resets: 3_600 });
    });
  });
  await afterwards.finish();
  expect(known).toEqual(facts);
  expect(spentLimits(facts)).toEqual([]);
});
