import { AppError } from '../errors.ts';

/** What went wrong, for who runs the service: with the cause that clients are not told. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isForClients = error instanceof AppError && error.cause instanceof Error;
  return isForClients ? `${error.message} (${messageOf(error.cause)})` : error.message;
}

/** Where an error comes from, and what it was caused by; never what else it carries, which may be secret. */
export function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const causes =
    error instanceof AggregateError ? error.errors : error.cause === undefined ? [] : [error.cause];
  return [error.stack, ...causes.map((cause) => `caused by ${stackOf(cause)}`)].join('\n');
}
