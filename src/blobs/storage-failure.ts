import { AppError } from '../errors.ts';

const MESSAGES = {
  refused: 'The storage refuses the service’s credentials.',
  throttled: 'The storage is asked too much at the moment.',
  unreachable: 'The storage does not answer.',
  failed: 'The storage cannot do this now.',
} as const;

/** Why a backend failed: it refused us, it slowed us down, it could not be reached or did not answer, or anything else. */
export type FailureKind = keyof typeof MESSAGES;

const RETRY_AFTER_SECONDS = 5;

/** The one error of a backend that failed: STORAGE_UNAVAILABLE, told by kind, with the backend’s own error as its cause. */
export function storageFailure(kind: FailureKind, cause: unknown): AppError {
  const retry = kind === 'throttled' ? { retryAfter: RETRY_AFTER_SECONDS } : {};
  return new AppError('STORAGE_UNAVAILABLE', MESSAGES[kind], { cause, ...retry });
}

/** The failure of a backend that tells nothing more of its kind. */
export function unavailable(cause: unknown): AppError {
  return storageFailure('failed', cause);
}

/** The error of a key that nothing lies under. */
export function noSuchBlob(cause: unknown): AppError {
  return new AppError('NOT_FOUND', 'There is no such blob.', { cause });
}

/** The error of a key that something lies under already. */
export function blobExists(cause: unknown): AppError {
  return new AppError('CONFLICT', 'A blob of this key exists already.', { cause });
}

/** The error of a range without any part inside the blob. */
export function rangeOutside(cause: unknown): AppError {
  return new AppError('BAD_USER_INPUT', 'The range lies outside of the content.', { cause });
}

/** What the status of a backend’s answer tells of the kind of its failure; undefined where it tells nothing. */
export function kindOfStatus(status: number | undefined): FailureKind | undefined {
  if (status === 401 || status === 403) return 'refused';
  return status === 429 || status === 503 ? 'throttled' : undefined;
}

const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/** Whether a call that was answered with this status may well succeed a moment later. */
export function isPassing(status: number | undefined): boolean {
  return status !== undefined && PASSING.has(status);
}
