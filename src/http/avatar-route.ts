import type { FastifyInstance } from 'fastify';
import type { AvatarService } from '../services/accounts/avatars.ts';
import { evaluate } from './preconditions.ts';

interface AvatarRequest {
  Params: { userId: string; version: string };
}

/** `GET|HEAD /avatars/:userId/:version`: an account’s image, for everybody. */
export async function avatarRoutes(app: FastifyInstance, { avatars }: { avatars: AvatarService }) {
  app.route<AvatarRequest>({
    method: ['GET', 'HEAD'],
    url: '/avatars/:userId/:version',
    config: { needs: 'anyone' },
    async handler(request, reply) {
      const { userId, version } = request.params;
      const { image, createdAt } = await avatars.served(userId, version);
      const etag = `"${version}"`;
      reply.headers({
        ...HEADERS,
        etag,
        'last-modified': createdAt.toUTCString(),
      });
      const precondition = evaluate(request.headers, { etag, lastModified: createdAt });
      if (precondition === 'not-modified') return reply.code(304).send();
      if (precondition === 'precondition-failed') return reply.code(412).send();
      reply.header('content-length', image.length);
      return request.method === 'HEAD' ? reply.send() : reply.send(image);
    },
  });
}

// What these bytes are was decided here, when they were encoded; the rest is for browsers that doubt it.
const HEADERS = {
  'content-type': 'image/webp',
  'content-disposition': 'inline',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
  'cross-origin-resource-policy': 'cross-origin',
  // A new image has a new address.
  'cache-control': 'public, max-age=31536000, immutable',
};
