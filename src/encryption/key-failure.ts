import { AppError } from '../errors.ts';

/** What can be the matter with a master key: it is not configured, or it does not open what was wrapped with it. */
export type KeyTrouble = 'missing' | 'wrong';

/** A data key that cannot be unwrapped. */
export class KeyFailure extends AppError {
  /** The name of the master key. */
  readonly keyId: string;
  readonly trouble: KeyTrouble;

  constructor(keyId: string, trouble: KeyTrouble, cause?: unknown) {
    const problem = trouble === 'missing' ? 'is not configured' : 'does not open what it wraps';
    super('STORAGE_UNAVAILABLE', 'The content cannot be read now.', {
      cause: new Error(`The master key ${keyId} ${problem}.`, { cause }),
    });
    this.keyId = keyId;
    this.trouble = trouble;
  }
}
