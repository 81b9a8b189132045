import { AppError } from '../../errors.ts';
import {
  blobExists,
  isPassing,
  kindOfStatus,
  noSuchBlob,
  rangeOutside,
  storageFailure,
} from '../storage-failure.ts';

/** An answer of Google Cloud Storage that refuses what was asked. */
export class GcsRefusal extends Error {
  readonly status: number;
  /** What the answer says, as far as it is worth a log line. */
  readonly text: string;

  constructor(status: number, text: string) {
    super(`Google Cloud Storage answered ${status}: ${messageOf(text)}`);
    this.status = status;
    this.text = text;
  }
}

/** A backend that did not answer, or stopped in the middle, for too long. */
export class GcsSilence extends Error {}

/** All connections stayed in use for too long. */
export class GcsCrowd extends Error {}

const BROKEN = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNABORTED',
]);

/** Whether the same call may well succeed when it is repeated. */
export function isTransient(error: unknown): boolean {
  if (error instanceof GcsRefusal) return isPassing(error.status);
  return error instanceof Error && BROKEN.has(String(codeOf(error))) && codeOf(error) !== 'ENOTFOUND';
}

/** Whether the answer says that an object, and not its bucket, is missing. */
export function isMissing(error: unknown): error is GcsRefusal {
  return error instanceof GcsRefusal && error.status === 404 && /no such object/i.test(error.text);
}

/** The error of the store’s contract for whatever went wrong between us and the bucket. */
export function gcsFailure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isMissing(error)) return noSuchBlob(error);
  if (error instanceof GcsSilence) return storageFailure('unreachable', error);
  if (error instanceof GcsCrowd) return storageFailure('throttled', error);
  const status = statusOf(error);
  if (status === 412) return blobExists(error);
  if (status === 416) return rangeOutside(error);
  if (isGrantRefusal(error)) return storageFailure('refused', error);
  const unanswered = status === undefined && isBroken(error);
  return storageFailure(kindOfStatus(status) ?? (unanswered ? 'unreachable' : 'failed'), error);
}

/** Throws what an error means in the terms of a store. */
export function rethrow(error: unknown): never {
  throw gcsFailure(error);
}

/** The status of an answer, also of one that the library which fetches tokens got. */
function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof GcsRefusal) return error.status;
  const { response } = error as { response?: { status?: unknown } };
  return typeof response?.status === 'number' ? response.status : undefined;
}

/** RFC 6749 section 5.2: a token endpoint refuses credentials with 400 and such a code. */
function isGrantRefusal(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(?:invalid_grant|invalid_client|unauthorized_client|access_denied)\b|Could not load the default credentials/.test(
      error.message,
    )
  );
}

function isBroken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    BROKEN.has(String(codeOf(error))) || /^(?:Abort|Timeout)Error$/.test(error.name) || isBroken(error.cause)
  );
}

const codeOf = (error: Error) => ('code' in error ? error.code : undefined);

function messageOf(text: string): string {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return text.slice(0, 200);
  }
}
