import { AppError } from '../../errors.ts';

/** The content that an upload brings is what is there already: it ends without a change, and has not failed. */
export class NothingNew extends Error {}

/** The error of an upload that went on after somebody had taken it for dead. */
export const takenForDead = () =>
  new AppError('CONFLICT', 'The upload was given up as stale; send the file again.');

/** Lets pass a content that has the announced SHA-256, or of which none was announced; else HASH_MISMATCH. */
export function requireSameHash(expected: string | null | undefined, actual: string): void {
  if (expected && expected.toLowerCase() !== actual) {
    throw new AppError(
      'HASH_MISMATCH',
      `The content’s SHA-256 is ${actual}, not the one that was announced.`,
    );
  }
}
