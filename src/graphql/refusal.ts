import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from '../errors.ts';
import { extensionsOf } from './error-mapping.ts';

const GRAPHQL_RESPONSE = 'application/graphql-response+json';

// Long enough for a client to notice the answer, short enough that nobody can hold a socket with a refused body.
const LINGER_MS = 2_000;
const LINGER_BYTES = 4 * 1024 * 1024;

/** Answers a request whose body is not wanted, and ends its connection. */
export function refuse(request: FastifyRequest, reply: FastifyReply, error: AppError): FastifyReply {
  const body = {
    errors: [{ message: error.message, extensions: { ...extensionsOf(error), requestId: request.id } }],
  };
  if (error.retryAfter !== undefined) reply.header('retry-after', Math.ceil(error.retryAfter));
  return answerUnread(request, reply.code(error.status), JSON.stringify(body));
}

/**
 * Sends a JSON answer while the request’s body is still coming. The answer’s end waits for a bounded part of the body:
 * a connection that is closed over unread bytes is reset, and many clients then lose the answer.
 */
export function answerUnread(request: FastifyRequest, reply: FastifyReply, body: string): FastifyReply {
  const { raw } = request;
  const answer = new Readable({ read() {} });
  answer.push(body);
  let drained = 0;
  const end = () => {
    clearTimeout(timer);
    raw.off('data', onData).off('end', end).off('close', end);
    raw.pause();
    if (!answer.destroyed && !answer.readableEnded) answer.push(null);
  };
  const onData = (chunk: Buffer) => {
    drained += chunk.length;
    if (drained > LINGER_BYTES) end();
  };
  const timer = setTimeout(end, LINGER_MS);
  if (raw.readableEnded || raw.destroyed) end();
  else raw.on('data', onData).once('end', end).once('close', end).resume();
  return reply
    .header('connection', 'close')
    .header('content-type', `${mediaTypeFor(request)}; charset=utf-8`)
    .header('content-length', Buffer.byteLength(body))
    .send(answer);
}

/** Clients that know GraphQL’s own media type read errors of any HTTP status from it, and only from it. */
function mediaTypeFor({ headers }: FastifyRequest): string {
  return headers.accept?.includes(GRAPHQL_RESPONSE) ? GRAPHQL_RESPONSE : 'application/json';
}
