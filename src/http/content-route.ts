import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import type { Download, DownloadService } from '../services/downloads.ts';
import type { LinkParameters } from '../services/links.ts';
import { contentHeaders } from './content-headers.ts';
import { evaluate, rangeApplies } from './preconditions.ts';
import { contentRange, parseRange } from './range.ts';

interface ContentRequest {
  Params: { id: string };
  Querystring: LinkParameters;
}

/** `GET|HEAD /files/:id/content`: a file’s bytes, by RFC 9110. */
export async function contentRoutes(
  app: FastifyInstance,
  options: { downloads: DownloadService },
): Promise<void> {
  const { downloads } = options;

  app.route<ContentRequest>({ method: ['GET', 'HEAD'], url: '/files/:id/content', handler: serve });

  async function serve(request: FastifyRequest<ContentRequest>, reply: FastifyReply): Promise<unknown> {
    const download = await downloads.authorise({
      fileId: request.params.id,
      bearer: bearerOf(request),
      link: request.query,
    });
    const { file } = download;
    const validators = { etag: `"${file.fileHash}"`, lastModified: file.createdAt };
    const isSignedUrl = request.query.signature !== undefined;
    reply.headers(contentHeaders(file, download.disposition, { isSignedUrl }));
    reply.header('etag', validators.etag).header('last-modified', file.createdAt.toUTCString());

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
    const length = part ? part.end - part.start + 1 : file.fileSize;
    reply.header('content-length', length);
    if (request.method === 'HEAD') return reply.send();
    return send(request, reply, download, part);
  }

  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    { file }: Download,
    part: { start: number; end: number } | undefined,
  ): Promise<unknown> {
    const bytes = await downloads.open(file, part);
    if (!part || part.start === 0) {
      downloads.count(file).catch((error) => request.log.warn({ err: error }, 'a download was not counted'));
    }
    return reply.send(bytes);
  }
}

function bearerOf(request: FastifyRequest): string | null {
  const value = request.headers.authorization;
  if (value === undefined) return null;
  const token = /^Bearer +([^\s]+) *$/i.exec(value)?.[1];
  if (!token)
    throw new AppError('UNAUTHENTICATED', 'Send `Authorization: Bearer <accessToken>`, or use a signed URL.');
  return token;
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
