import { unwrapResolverError } from '@apollo/server/errors';
import type { ValidationError } from 'class-validator';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { ArgumentValidationError } from 'type-graphql';
import { AppError, type ErrorCode, type InputIssue } from '../errors.ts';

/** The codes that GraphQL itself gives to requests it cannot take; to clients they are all one. */
const REQUEST_ERRORS = new Set([
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'INVALID_UPLOAD_VALUE',
  'UPLOAD_LITERAL_UNSUPPORTED',
]);

const MASKED = 'Something went wrong on the server.';

/** An error as the closed table knows it; what is not ours comes out as INTERNAL_SERVER_ERROR without its text. */
export function toAppError(error: unknown): AppError {
  const cause = causeOf(error);
  if (cause instanceof AppError) return cause;
  if (cause instanceof ArgumentValidationError) {
    const issues = issuesOf(cause.extensions.validationErrors as ValidationError[]);
    const first = issues[0];
    const message = first ? `${first.field}: ${first.message}.` : 'An argument is not valid.';
    return new AppError('BAD_USER_INPUT', message, { issues });
  }
  return new AppError('INTERNAL_SERVER_ERROR', MASKED, { cause });
}

/** What an error of an operation comes to: one of the table, with its cause where somebody should look at it. */
export function reportOf(error: GraphQLError): AppError {
  const cause = causeOf(error);
  const ours = cause instanceof AppError || cause instanceof ArgumentValidationError;
  if (ours || !REQUEST_ERRORS.has(String(error.extensions.code))) return toAppError(error);
  return new AppError('BAD_USER_INPUT', withPreflightAdvice(error.message));
}

/** Whether the error is about the request’s form: its text may then repeat any value of it, passwords too. */
export function mayQuoteInput(error: GraphQLError): boolean {
  return !(causeOf(error) instanceof AppError) && REQUEST_ERRORS.has(String(error.extensions.code));
}

/** What was thrown, in a resolver or before there was one. */
function causeOf(error: unknown): unknown {
  const { originalError } = error as Partial<GraphQLError>;
  return originalError instanceof AppError ? originalError : unwrapResolverError(error);
}

/** Rewrites every error of a response into the closed table: Apollo’s `formatError`. */
export function formatError(
  { locations, path }: GraphQLFormattedError,
  error: unknown,
): GraphQLFormattedError {
  const known = error instanceof GraphQLError ? reportOf(error) : toAppError(error);
  return {
    message: known.message,
    ...(locations && { locations }),
    ...(path && { path }),
    extensions: extensionsOf(known),
  };
}

/** The error, thrown before there is a resolver, with its status for the answer, which would be 500 otherwise. */
export function withStatus(error: unknown): unknown {
  if (!(error instanceof AppError)) return error;
  const extensions = { http: { status: error.status } };
  return new GraphQLError(error.message, { originalError: error, extensions });
}

/** The `extensions` of an error as clients get them. */
export function extensionsOf(error: AppError): {
  code: ErrorCode;
  issues?: readonly InputIssue[];
  retryAfter?: number;
} {
  return {
    code: error.code,
    ...(error.issues && { issues: error.issues }),
    ...(error.retryAfter !== undefined && { retryAfter: error.retryAfter }),
  };
}

/** What a client must send so that a request cannot come from a foreign page’s form; it meets this first. */
export const PREFLIGHT_ADVICE =
  'Send the header `apollo-require-preflight: true` with multipart requests; it shows that no foreign web page made them.';

function withPreflightAdvice(message: string): string {
  return message.includes('Cross-Site Request Forgery')
    ? 'This could be a cross-site request. Send `content-type: application/json`, or the header `apollo-require-preflight: true`.'
    : message;
}

function issuesOf(errors: readonly ValidationError[], parent = ''): InputIssue[] {
  return errors.flatMap((error) => {
    const field = parent ? `${parent}.${error.property}` : error.property;
    const own = Object.values(error.constraints ?? {}).map((text) => ({
      field,
      message: text.startsWith(`${error.property} `) ? text.slice(error.property.length + 1) : text,
    }));
    return [...own, ...issuesOf(error.children ?? [], field)];
  });
}
