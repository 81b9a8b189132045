/** The closed table of error codes and the HTTP status each one answers with on plain routes. */
export const ERROR_STATUS = {
  BAD_USER_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  GONE: 410,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  HASH_MISMATCH: 422,
  INFECTED: 422,
  FILE_LOCKED: 423,
  RATE_LIMITED: 429,
  INTERNAL_SERVER_ERROR: 500,
  STORAGE_UNAVAILABLE: 503,
  QUOTA_EXCEEDED: 507,
} as const;

/** Every code a client can meet in `extensions.code`; nothing else ever leaves the server. */
export type ErrorCode = keyof typeof ERROR_STATUS;

/** One rejected input field, by its path as the client sent it. */
export interface InputIssue {
  field: string;
  message: string;
}

interface AppErrorOptions {
  cause?: unknown;
  issues?: readonly InputIssue[];
  /** Seconds after which the caller may try again. */
  retryAfter?: number;
}

/** The one error class: a code of the table and a message that is safe to show to the caller. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly issues: readonly InputIssue[] | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.issues = options.issues;
    this.retryAfter = options.retryAfter;
  }

  get status(): number {
    return ERROR_STATUS[this.code];
  }
}

/** Whether the error is an AppError with this code. */
export function hasCode(error: unknown, code: ErrorCode): error is AppError {
  return error instanceof AppError && error.code === code;
}
