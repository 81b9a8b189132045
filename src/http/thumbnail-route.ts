import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import type { PreviewLinkParameters } from '../services/processing/preview-links.ts';
import type { PreviewService } from '../services/processing/previews.ts';
import { bearerIn } from '../services/sessions/authentication.ts';
import { evaluate } from './preconditions.ts';

interface ThumbnailRequest {
  Params: { id: string; size: string };
  Querystring: PreviewLinkParameters;
}

/** `GET|HEAD /files/:id/thumbnail/:size`: a small picture of a file, for whoever may see the file. */
export async function thumbnailRoutes(
  app: FastifyInstance,
  { previews }: { previews: PreviewService },
): Promise<void> {
  app.route<ThumbnailRequest>({
    method: ['GET', 'HEAD'],
    url: '/files/:id/thumbnail/:size',
    config: { needs: 'files:read or anonymous' },
    handler: serve,
  });

  async function serve(request: FastifyRequest<ThumbnailRequest>, reply: FastifyReply): Promise<unknown> {
    const { id: fileId, size } = request.params;
    const pixels = /^\d{1,4}$/.test(size) ? Number(size) : Number.NaN;
    const link = request.query;
    const file = await previews.authorise({ fileId, pixels, bearer: bearerOf(request), link });
    const { id, bytes } = await previews.open(file, pixels);
    const version = id.toHexString();
    const isSigned = link.signature !== undefined;
    reply.headers({
      ...HEADERS,
      etag: `"${version}"`,
      'last-modified': id.getTimestamp().toUTCString(),
      'cross-origin-resource-policy': file.isPublic || isSigned ? 'cross-origin' : 'same-origin',
      'cache-control': isSigned && link.of === version ? KEPT : REVALIDATED,
    });
    const validators = { etag: `"${version}"`, lastModified: id.getTimestamp() };
    const precondition = evaluate(request.headers, validators);
    if (precondition === 'not-modified') return reply.code(304).send();
    if (precondition === 'precondition-failed') return reply.code(412).send();
    reply.header('content-length', bytes.length);
    return request.method === 'HEAD' ? reply.send() : reply.send(bytes);
  }
}

// What these bytes are was decided here, when they were encoded; the rest is for browsers that doubt it.
const HEADERS = {
  'content-type': 'image/webp',
  'content-disposition': 'inline',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
};
// The address names the picture, and works for no longer than two hours.
const KEPT = 'private, max-age=3600, immutable';
const REVALIDATED = 'private, no-cache';

function bearerOf({ headers }: FastifyRequest): string | null {
  if (headers.authorization === undefined) return null;
  const token = bearerIn(headers.authorization);
  if (token) return token;
  throw new AppError('UNAUTHENTICATED', 'Send `Authorization: Bearer <accessToken>`, or use a signed URL.');
}
