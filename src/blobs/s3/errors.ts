import { AppError } from '../../errors.ts';
import {
  blobExists,
  type FailureKind,
  kindOfStatus,
  noSuchBlob,
  rangeOutside,
  storageFailure,
} from '../storage-failure.ts';

interface SdkError {
  name?: unknown;
  code?: unknown;
  $metadata?: { httpStatusCode?: unknown; attempts?: unknown };
}

const ABSENT = new Set(['NoSuchKey', 'NotFound']);
// A 409 is the same refusal while the other writer is still at it.
const TAKEN = new Set(['PreconditionFailed', 'ConditionalRequestConflict']);
const REFUSED = new Set([
  'AccessDenied',
  'AuthorizationHeaderMalformed',
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
]);
const THROTTLED = /^(?:SlowDown|Throttl|TooManyRequests|RequestLimitExceeded|RequestThrottled)/;
// The service's own word for a client that it heard nothing more of.
const UNHEARD = 'RequestTimeout';

const factsOf = (error: unknown): SdkError => (typeof error === 'object' && error !== null ? error : {});

/** The status of the answer that the SDK's error tells of; undefined where there was none. */
export function statusOf(error: unknown): number | undefined {
  const status = factsOf(error).$metadata?.httpStatusCode;
  return typeof status === 'number' ? status : undefined;
}

/** The service's own name for what went wrong, such as NoSuchBucket; or that of the error itself. */
export function nameOf(error: unknown): string {
  const { name } = factsOf(error);
  return typeof name === 'string' ? name : '';
}

function kindOf(error: unknown): FailureKind {
  const [status, name] = [statusOf(error), nameOf(error)];
  if (THROTTLED.test(name)) return 'throttled';
  if (REFUSED.has(name)) return 'refused';
  const unanswered =
    status === undefined && (typeof factsOf(error).code === 'string' || /Timeout/.test(name));
  return kindOfStatus(status) ?? (unanswered || name === UNHEARD ? 'unreachable' : 'failed');
}

/** What an error of the SDK means in the terms of a store; an AppError stays what it is. */
export function s3Failure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const [status, name] = [statusOf(error), nameOf(error)];
  if (ABSENT.has(name)) return noSuchBlob(error);
  if (TAKEN.has(name) || status === 412) return blobExists(error);
  if (name === 'InvalidRange' || status === 416) return rangeOutside(error);
  return storageFailure(kindOf(error), error);
}

/** Throws what an error means in the terms of a store. */
export function rethrow(error: unknown): never {
  throw s3Failure(error);
}

/** Whether the call was certainly without effect: the service refused it, and heard of it once only. */
export function hadNoEffect(failure: AppError): boolean {
  const status = statusOf(failure.cause) ?? 0;
  const { attempts } = factsOf(failure.cause).$metadata ?? {};
  return status >= 400 && status < 500 && attempts === 1;
}
