import type { FastifyInstance } from 'fastify';
import type { Standing } from '../services/limits/rate-limits.ts';
import { spentLimits } from '../services/limits/spent-limits.ts';
import { type RequestFacts, withinRequest } from '../services/request-facts.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What is known of the request; the same for as long as it is answered. */
    facts: RequestFacts;
  }
}

/** Runs every request within its own facts, and tells in each answer how the limits stand that it spent of. */
export function scopeRequests(app: FastifyInstance): void {
  app.decorateRequest('facts');
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    const { id, ip, headers } = request;
    request.facts = { requestId: id, ip, userAgent: headers['user-agent'] ?? null };
    withinRequest(request.facts, done);
  });
  app.addHook('onSend', async (request, reply) => {
    // A request that cannot be read has an answer before it has facts.
    const standings = request.facts ? spentLimits(request.facts) : [];
    if (standings.length > 0) reply.headers(rateHeaders(standings));
  });
}

/** The fields of “RateLimit header fields for HTTP” (draft-ietf-httpapi-ratelimit-headers). */
export function rateHeaders(standings: readonly Standing[]): Record<string, string> {
  const list = (item: (standing: Standing) => string) => standings.map(item).join(', ');
  return {
    'ratelimit-policy': list(({ limit, points, within }) => `"${limit}";q=${points};w=${within}`),
    ratelimit: list(({ limit, remaining, resets }) => `"${limit}";r=${remaining};t=${resets}`),
  };
}
