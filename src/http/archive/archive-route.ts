import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../errors.ts';
import type { ArchiveContent, ArchiveRequests } from '../../services/files/archive-requests.ts';
import type { Archive } from '../../services/files/archives.ts';
import { addressKey } from '../../services/limits/address-key.ts';
import type { RateLimits } from '../../services/limits/rate-limits.ts';
import { withinRequest } from '../../services/request-facts.ts';
import { bearerIn } from '../../services/sessions/authentication.ts';
import { contentHeaders } from '../content-headers.ts';
import { archiveLength, archiveStream } from './archive-stream.ts';

interface ArchiveQuery {
  ids?: string | string[];
  folder?: string | string[];
  expires?: unknown;
  by?: unknown;
  signature?: unknown;
}

interface Asked {
  Querystring: ArchiveQuery;
  Body: unknown;
}

const ADDRESS = '/archive';
// A thousand ids, each with its quotes and its comma, and as much again.
const BODY_BYTES = 64 * 1024;
const FORM_TYPE = 'application/x-www-form-urlencoded';
const FILES_AT_ONE_POINT = 10;
const MOST_POINTS = 600;

/** `GET|HEAD|POST /archive`: many files, or all of a folder, as one ZIP file that is made while it is sent. */
export async function archiveRoutes(
  app: FastifyInstance,
  options: { archives: ArchiveRequests; limits: RateLimits },
): Promise<void> {
  const { archives, limits } = options;
  const config = { needs: 'files:read or anonymous' } as const;

  app.removeContentTypeParser(FORM_TYPE);
  app.addContentTypeParser(FORM_TYPE, { parseAs: 'string', bodyLimit: BODY_BYTES }, (_request, body, done) =>
    done(null, formOf(new URLSearchParams(String(body)))),
  );

  app.route<Asked>({
    method: ['GET', 'HEAD'],
    url: ADDRESS,
    config,
    handler: (request, reply) => serve(request, reply, queried(request.query)),
  });
  app.route<Asked>({
    method: 'POST',
    url: ADDRESS,
    config,
    bodyLimit: BODY_BYTES,
    // A body is read outside of the request’s scope.
    handler: (request, reply) =>
      withinRequest(request.facts, () => serve(request, reply, named(request.body))),
  });

  async function serve(
    request: FastifyRequest<Asked>,
    reply: FastifyReply,
    content: ArchiveContent,
  ): Promise<unknown> {
    const { expires, by, signature } = request.query;
    const bearer = bearerOf(request);
    const archive = await archives.open({ ...content, bearer, link: { expires, by, signature } });
    await spendArchive(limits, request, archive);
    return sendArchive(request, reply, archive, { isSignedUrl: signature !== undefined });
  }
}

/** Counts what an archive’s files cost beyond the request itself in the limit `transfers`. */
export async function spendArchive(
  limits: Pick<RateLimits, 'spend'>,
  { ip }: Pick<FastifyRequest, 'ip'>,
  { entries }: Pick<Archive, 'entries'>,
): Promise<void> {
  const points = Math.ceil(entries.length / FILES_AT_ONE_POINT) - 1;
  if (points > 0) await limits.spend('transfers', addressKey(ip), Math.min(points, MOST_POINTS));
}

/** Answers with the archive’s bytes, or, to HEAD, with what is known of them. */
export async function sendArchive(
  request: FastifyRequest,
  reply: FastifyReply,
  archive: Archive,
  { isSignedUrl = false } = {},
): Promise<unknown> {
  const facts = { originalName: `${archive.name}.zip`, mimeType: 'application/zip', isPublic: false };
  reply.headers({
    ...contentHeaders(facts, 'attachment', { isSignedUrl }),
    'Accept-Ranges': 'none',
    'Cache-Control': 'private, no-store',
  });
  if (request.method === 'HEAD') return reply.header('content-length', archiveLength(archive)).send();
  const { length, stream } = await archiveStream(archive);
  return reply.header('content-length', length).send(stream);
}

const queried = ({ ids, folder }: ArchiveQuery): ArchiveContent => ({
  ids: ids === undefined ? null : idsIn([ids].flat()),
  folder: folder === undefined ? null : ([folder].flat()[0] ?? ''),
});

const formOf = (form: URLSearchParams) => ({
  ...(form.has('ids') && { ids: idsIn(form.getAll('ids')) }),
  ...(form.has('folder') && { folder: form.get('folder') }),
});

const idsIn = (texts: readonly string[]) => texts.flatMap((text) => text.split(','));

function named(body: unknown): ArchiveContent {
  const { ids = null, folder = null } = (body ?? {}) as { ids?: unknown; folder?: unknown };
  const isList = ids === null || (Array.isArray(ids) && ids.every((id) => typeof id === 'string'));
  if (!isList || (folder !== null && typeof folder !== 'string'))
    throw new AppError('BAD_USER_INPUT', 'Send `ids`, a list of texts, or `folder`, a text.');
  return { ids: ids as string[] | null, folder };
}

function bearerOf({ headers }: FastifyRequest): string | null {
  if (headers.authorization === undefined) return null;
  const token = bearerIn(headers.authorization);
  if (token) return token;
  throw new AppError('UNAUTHENTICATED', 'Send `Authorization: Bearer <accessToken>`, or use a signed URL.');
}
