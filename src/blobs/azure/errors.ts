import { AppError } from '../../errors.ts';
import {
  blobExists,
  type FailureKind,
  isPassing,
  kindOfStatus,
  noSuchBlob,
  rangeOutside,
  storageFailure,
} from '../storage-failure.ts';

interface Facts {
  /** The status of the service’s answer; undefined where there was none. */
  status: number | undefined;
  /** The service’s own code such as BlobNotFound, or that of a connection that failed. */
  code: string | undefined;
  name: string | undefined;
}

interface SdkError {
  name?: unknown;
  code?: unknown;
  statusCode?: unknown;
  response?: { headers?: { get?(name: string): string | undefined } };
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);

function factsOf(error: unknown): Facts {
  if (typeof error !== 'object' || error === null) {
    return { status: undefined, code: undefined, name: undefined };
  }
  const { name, code, statusCode, response }: SdkError = error;
  return {
    status: typeof statusCode === 'number' ? statusCode : undefined,
    // The answer to HEAD has no body that could tell the code.
    code: response?.headers?.get?.('x-ms-error-code') ?? text(code),
    name: text(name),
  };
}

const CREDENTIALS = /Authentication|CredentialUnavailable/;
const TAKEN = new Set(['BlobAlreadyExists', 'ConditionNotMet', 'UnauthorizedBlobOverwrite']);

function isUnanswered({ status, code, name }: Facts): boolean {
  return status === undefined && (name === 'AbortError' || (code !== undefined && name === 'RestError'));
}

function kindOf(facts: Facts): FailureKind {
  if (CREDENTIALS.test(facts.name ?? '')) return 'refused';
  if (facts.code === 'ServerBusy') return 'throttled';
  return kindOfStatus(facts.status) ?? (isUnanswered(facts) ? 'unreachable' : 'failed');
}

/** What an error of the SDK means in the terms of a store; an AppError stays what it is. */
export function azureFailure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const facts = factsOf(error);
  // A missing container is a 404 too, and no proof that the blob is absent.
  if (facts.code === 'BlobNotFound') return noSuchBlob(error);
  if (facts.code === 'InvalidRange' || facts.status === 416) return rangeOutside(error);
  if (isTaken(error)) return blobExists(error);
  return storageFailure(kindOf(facts), error);
}

/** Whether a write was refused because of what lies under its key, or no longer lies there as it was. */
function isTaken(error: unknown): boolean {
  return TAKEN.has(factsOf(error).code ?? '');
}

/** Whether the service does not have the blocks that it was told to put together. */
export function lacksBlocks(error: unknown): boolean {
  return factsOf(error).code === 'InvalidBlockList';
}

/** Whether the same call may well succeed a moment later. */
export function mayPass(error: unknown): boolean {
  if (error instanceof AppError) return false;
  const facts = factsOf(error);
  return isUnanswered(facts) || isPassing(facts.status);
}
