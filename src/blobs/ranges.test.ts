import { describe, expect, it } from 'vitest';
import { cutRange, givenPart, rangeHeader } from './ranges.ts';

describe('a range of a blob', () => {
  it('is cut to what the blob has', () => {
    expect(cutRange({ start: 2, end: 5 }, 10)).toEqual({ start: 2, end: 5 });
    expect(cutRange({ start: 2, end: 50 }, 10)).toEqual({ start: 2, end: 9 });
  });

  it.each([
    { start: 10, end: 12 },
    { start: 3, end: 2 },
    { start: -1, end: 2 },
    { start: 0.5, end: 2 },
  ])('is refused where it has no part in it: %j', (range) => {
    expect(() => cutRange(range, 10)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
  });

  it('is asked for as RFC 9110 has it, without an end where that is not known', () => {
    expect(rangeHeader({ start: 2, end: 5 })).toBe('bytes=2-5');
    expect(rangeHeader({ start: 2, end: Number.POSITIVE_INFINITY })).toBe('bytes=2-');
    expect(() => rangeHeader({ start: 3, end: 2 })).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT' }),
    );
  });
});

describe('the part that an answer gives', () => {
  const partial = { contentLength: 4, contentRange: 'bytes 2-5/10' };

  it('is the whole content where no range was asked for', () => {
    expect(givenPart({ contentLength: 10 })).toEqual({ start: 0, end: 9, size: 10 });
    expect(givenPart({ contentLength: 0 })).toEqual({ start: 0, end: -1, size: 0 });
  });

  it('is the range that was asked for, cut to the content', () => {
    expect(givenPart(partial, { start: 2, end: 5 })).toEqual({ start: 2, end: 5, size: 10 });
    expect(givenPart({ contentRange: 'bytes 2-9/10' }, { start: 2, end: 99 })).toEqual({
      start: 2,
      end: 9,
      size: 10,
    });
    expect(givenPart({ contentLength: 10 }, { start: 0, end: 9 })).toEqual({ start: 0, end: 9, size: 10 });
  });

  it.each([
    ['another range', partial, { start: 2, end: 6 }],
    ['a range that nobody asked for', partial, undefined],
    ['everything instead of a range', { contentLength: 10 }, { start: 2, end: 5 }],
    ['a content of unknown size', { contentRange: 'bytes 2-5/*' }, { start: 2, end: 5 }],
  ])('is never %s', (_what, told, range) => {
    expect(() => givenPart(told, range)).toThrow(expect.objectContaining({ code: 'STORAGE_UNAVAILABLE' }));
  });

  it('is refused where the range lies outside of a content that is empty', () => {
    expect(() => givenPart({ contentLength: 0 }, { start: 0, end: 0 })).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT' }),
    );
  });
});
