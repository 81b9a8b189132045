import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import type { Download, DownloadService } from '../services/files/downloads.ts';
import type { LinkParameters } from '../services/files/links.ts';
import { bearerIn } from '../services/sessions/authentication.ts';
import { answerContent } from './content-answer.ts';
import type { ByteInterval } from './range.ts';

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

  app.route<ContentRequest>({
    method: ['GET', 'HEAD'],
    url: '/files/:id/content',
    config: { needs: 'files:read or anonymous' },
    handler: serve,
  });

  async function serve(request: FastifyRequest<ContentRequest>, reply: FastifyReply): Promise<unknown> {
    const download = await downloads.authorise({
      fileId: request.params.id,
      bearer: bearerOf(request),
      link: request.query,
    });
    const isSignedUrl = request.query.signature !== undefined;
    return answerContent(request, reply, { ...download, isSignedUrl }, (part) =>
      send(request, reply, download, part),
    );
  }

  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    download: Download,
    part: ByteInterval | undefined,
  ): Promise<unknown> {
    const { file } = download;
    const body = (await elsewhere(request, reply, file)) ?? (await downloads.open(file, part, download.by));
    downloads.note(download);
    if (!part || part.start === 0) {
      downloads.count(file).catch((error) => request.log.warn({ err: error }, 'a download was not counted'));
    }
    return typeof body === 'string' ? redirect(reply, body) : reply.send(body);
  }

  /** The address at which the provider answers the same; null where it cannot. */
  async function elsewhere(request: FastifyRequest, reply: FastifyReply, file: Download['file']) {
    if (isConditional(request)) return null;
    const address = await downloads.addressElsewhere(file, {
      contentType: `${reply.getHeader('content-type')}`,
      contentDisposition: `${reply.getHeader('content-disposition')}`,
    });
    return address && address.length <= MOST_ADDRESS ? address : null;
  }
}

/** Sends the client on. What describes the bytes goes with them; the address is for this client alone, and not for long. */
function redirect(reply: FastifyReply, url: string): FastifyReply {
  for (const name of OF_THE_BYTES) reply.removeHeader(name);
  return reply.code(302).header('location', url).header('cache-control', 'private, no-store').send();
}

// Proxies refuse heads of 4 KiB, and a name of 255 letters that are none of ASCII makes an address longer than that.
const MOST_ADDRESS = 2_800;

const OF_THE_BYTES = [
  'accept-ranges',
  'content-disposition',
  'content-length',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
];

// A client repeats its conditions to the provider, whose validators are others: there an If-Match that holds would fail,
// and an If-Modified-Since would be held against the blob, which may be older than the file.
const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'];

function isConditional({ headers }: FastifyRequest): boolean {
  return CONDITIONS.some((name) => headers[name] !== undefined);
}

function bearerOf(request: FastifyRequest): string | null {
  const value = request.headers.authorization;
  if (value === undefined) return null;
  const token = bearerIn(value);
  if (!token)
    throw new AppError('UNAUTHENTICATED', 'Send `Authorization: Bearer <accessToken>`, or use a signed URL.');
  return token;
}
