import { describe, expect, it } from 'vitest';
import { isPassing, kindOfStatus, storageFailure } from './storage-failure.ts';

describe('the failure of a backend', () => {
  it.each([
    [401, 'refused', false],
    [403, 'refused', false],
    [429, 'throttled', true],
    [503, 'throttled', true],
    [500, undefined, true],
    [400, undefined, false],
    [undefined, undefined, false],
  ])('that answered %s is of its kind, and passes where another try may help', (status, kind, passes) => {
    expect(kindOfStatus(status)).toBe(kind);
    expect(isPassing(status)).toBe(passes);
  });

  it('keeps the backend’s own error, and says when to come back only where it was asked too much', () => {
    const cause = new Error('SlowDown');
    expect(storageFailure('throttled', cause)).toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      cause,
      retryAfter: 5,
    });
    expect(storageFailure('failed', cause).retryAfter).toBeUndefined();
  });
});
