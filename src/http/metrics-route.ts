import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors.ts';
import type { Metrics } from './metrics.ts';

/** `GET /metrics` in Prometheus’ text format, for whoever has the token where one is set. */
export async function metricsRoutes(
  app: FastifyInstance,
  options: { metrics: Metrics; token: string | null },
): Promise<void> {
  const { metrics, token } = options;
  app.get('/metrics', { config: { needs: 'token' } }, async (request, reply) => {
    if (token !== null && !isSame(request.headers.authorization ?? '', `Bearer ${token}`)) {
      throw new AppError('UNAUTHENTICATED', 'The metrics need their token.');
    }
    return reply
      .header('content-type', metrics.contentType)
      .header('cache-control', 'no-store')
      .send(await metrics.text());
  });
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
