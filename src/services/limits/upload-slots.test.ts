import { expect, it } from 'vitest';
import { hasCode } from '../../errors.ts';
import { UploadSlots } from './upload-slots.ts';

const refusal = (take: () => unknown): unknown => {
  try {
    take();
  } catch (error) {
    return error;
  }
  return null;
};

it('lets an account send so many files at once, and another one as many', () => {
  const slots = new UploadSlots(10, 2);
  slots.take('a', 2);
  expect(
    hasCode(
      refusal(() => slots.take('a', 1)),
      'RATE_LIMITED',
    ),
  ).toBe(true);
  expect(refusal(() => slots.take('b', 2))).toBeNull();
});

it('lets so many files come in at once in all, and says when to come again', () => {
  const slots = new UploadSlots(3, 3);
  slots.take('a', 2);
  expect(refusal(() => slots.take('b', 2))).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 5 });
  expect(refusal(() => slots.take('b', 1))).toBeNull();
});

it('takes no place for what it refuses, and gives back once what is given back twice', () => {
  const slots = new UploadSlots(4, 4);
  refusal(() => slots.take('a', 5));
  const release = slots.take('a', 2);
  slots.take('a', 2);
  release();
  release();
  expect(refusal(() => slots.take('a', 2))).toBeNull();
  expect(
    hasCode(
      refusal(() => slots.take('a', 1)),
      'RATE_LIMITED',
    ),
  ).toBe(true);
});
