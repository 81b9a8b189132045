import { AppError } from '../errors.ts';
import type { ByteRange } from './blob-store.ts';

/** The part of the range that lies inside a blob of this size; a range without any such part throws BAD_USER_INPUT. */
export function cutRange(range: ByteRange, size: number): ByteRange {
  const { start, end } = range;
  const wellFormed = Number.isSafeInteger(start) && start >= 0 && end >= start;
  if (!wellFormed || start >= size) {
    throw new AppError('BAD_USER_INPUT', 'The range lies outside of the content.');
  }
  return { start, end: Math.min(Math.floor(end), size - 1) };
}
