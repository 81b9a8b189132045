import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';

/** Sends a JSON answer, and ends the connection, while the body is still coming. */
export type AnswerUnread = (request: FastifyRequest, reply: FastifyReply, body: string) => FastifyReply;

/**
 * Makes every plain route answer errors by the closed table, without reading a body that nobody wants; what is not an
 * AppError is masked and logged.
 */
export function answerErrors(app: FastifyInstance, answerUnread: AnswerUnread): void {
  app.setNotFoundHandler(() => {
    throw new AppError('NOT_FOUND', 'There is nothing at this address.');
  });

  app.setErrorHandler((error, request, reply) => {
    const body = errorBody(error, request, reply);
    if (hasUnreadBody(request)) return answerUnread(request, reply, body);
    return reply.type('application/json').send(body);
  });
}

/** Prepares the answer of an error, its status and its headers, and gives its text. */
export function errorBody(error: unknown, request: FastifyRequest, reply: FastifyReply): string {
  const known = tableError(error);
  // What a caller did wrong is his to know; what failed here is ours.
  if (!known || (known.cause !== undefined && known.status >= 500))
    request.log.error({ err: error, requestId: request.id }, 'a request failed');
  const { code, message, status, retryAfter } =
    known ?? new AppError('INTERNAL_SERVER_ERROR', 'Something went wrong on the server.');
  // Headers of the answer that was being built do not describe this one.
  for (const name of ['content-disposition', 'content-length', 'content-range', 'etag', 'last-modified']) {
    reply.removeHeader(name);
  }
  if (code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer');
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
  reply.code(status).header('cache-control', 'no-store');
  return JSON.stringify({ error: { code, message, requestId: request.id } });
}

function hasUnreadBody({ headers, raw }: FastifyRequest): boolean {
  const announced = headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;
  return announced && !raw.readableEnded;
}

function tableError(error: unknown): AppError | null {
  if (error instanceof AppError) return error;
  const { statusCode, message } = error as { statusCode?: number; message: string };
  if (statusCode === undefined || statusCode >= 500) return null;
  return new AppError(statusCode === 413 ? 'PAYLOAD_TOO_LARGE' : 'BAD_USER_INPUT', message);
}
