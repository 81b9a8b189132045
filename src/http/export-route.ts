import type { FastifyInstance } from 'fastify';
import type { DataExports, ExportParameters } from '../services/accounts/data-export.ts';

interface ExportRequest {
  Params: { userId: string };
  Querystring: ExportParameters;
}

/** `GET /exports/:userId`: everything that is held of an account, by a signed URL. */
export async function exportRoutes(app: FastifyInstance, { dataExports }: { dataExports: DataExports }) {
  app.route<ExportRequest>({
    method: 'GET',
    url: '/exports/:userId',
    config: { needs: 'signature' },
    // It would make the whole document and throw it away.
    exposeHeadRoute: false,
    async handler(request, reply) {
      const { fileName, text } = await dataExports.open(request.params.userId, request.query);
      reply.headers({
        'content-type': 'application/json; charset=utf-8',
        'content-disposition': `attachment; filename="${fileName}"`,
        'x-content-type-options': 'nosniff',
        'content-security-policy': "sandbox; default-src 'none'",
        'cache-control': 'private, no-store',
      });
      return reply.send(text);
    },
  });
}
