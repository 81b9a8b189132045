import { AppError } from '../errors.ts';

/** Encrypted bytes that are not what was encrypted: changed, cut, moved, mixed, or under another key. */
export class BrokenSeal extends AppError {
  /** `problem` says what is wrong, for the log; callers hear no more than that it cannot be read. */
  constructor(problem: string, cause?: unknown) {
    super('STORAGE_UNAVAILABLE', 'The content cannot be read now.', { cause: new Error(problem, { cause }) });
  }

  /** What is wrong, for the log. */
  get problem(): string {
    return (this.cause as Error).message;
  }
}
