import type { FastifyReply, FastifyRequest } from 'fastify';
import { contentHeaders, type Disposition, type ServedFile } from './content-headers.ts';
import { evaluate, rangeApplies } from './preconditions.ts';
import { type ByteInterval, contentRange, parseRange } from './range.ts';

/** A content that a request may have. */
export interface AnsweredContent {
  readonly file: ServedFile & { fileHash: string; fileSize: number; createdAt: Date; contentAt?: Date };
  readonly disposition: Disposition;
  /** Whether the address carries its own right, so that any page that was given it may embed the content. */
  readonly isSignedUrl?: boolean;
  /** Headers that take the place of the usual ones. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers a GET or HEAD of a content by RFC 9110: conditions, one range, validators. `send` is called where bytes are to
 * follow, all or those of the range, and sends them.
 */
export async function answerContent(
  request: FastifyRequest,
  reply: FastifyReply,
  { file, disposition, isSignedUrl = false, headers = {} }: AnsweredContent,
  send: (part: ByteInterval | undefined) => Promise<unknown>,
): Promise<unknown> {
  const lastModified = file.contentAt ?? file.createdAt;
  const validators = { etag: `"${file.fileHash}"`, lastModified };
  reply.headers(contentHeaders(file, disposition, { isSignedUrl })).headers(headers);
  reply.header('etag', validators.etag).header('last-modified', lastModified.toUTCString());

  const precondition = evaluate(request.headers, validators);
  if (precondition === 'not-modified') return reply.code(304).send();
  if (precondition === 'precondition-failed') return reply.code(412).send();

  // RFC 9110 section 14.2: "A server MUST ignore a Range header field received with a request method that is
  // unrecognized or for which range handling is not defined. For this specification, GET is the only method".
  const asked = request.method === 'GET' && rangeApplies(header(request, 'if-range'), validators);
  const range = parseRange(asked ? request.headers.range : undefined, file.fileSize);
  if (range.kind === 'unsatisfiable') {
    return reply
      .code(416)
      .header('content-range', contentRange(file.fileSize))
      .removeHeader('content-disposition')
      .send();
  }
  const part = range.kind === 'partial' ? range : undefined;
  if (part) reply.code(206).header('content-range', contentRange(file.fileSize, part));
  reply.header('content-length', lengthOf(file, part));
  if (request.method === 'HEAD') return reply.send();
  return send(part);
}

const lengthOf = ({ fileSize }: { fileSize: number }, part: ByteInterval | undefined) =>
  part ? part.end - part.start + 1 : fileSize;

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
