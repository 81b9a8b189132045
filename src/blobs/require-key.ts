import { AppError } from '../errors.ts';
import { isBlobKey } from './blob-store.ts';

/** Rejects whatever does not have the form of a blob key with BAD_USER_INPUT, before it can reach a backend. */
export function requireKey(key: string): void {
  if (!isBlobKey(key)) throw new AppError('BAD_USER_INPUT', 'This is not the key of a blob.');
}
