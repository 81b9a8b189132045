import type { FastifyInstance } from 'fastify';
import { addressKey } from '../services/limits/address-key.ts';
import type { RateLimits } from '../services/limits/rate-limits.ts';

// Operations count by their fields; probes and meters must be answered whatever else comes from their address.
const COUNTED_ELSEWHERE = /^\/(?:graphql|health|metrics)(?:[/?]|$)/;

/** Makes every plain request count, contents and parts first of all, by the address it comes from. */
export function limitTransfers(app: FastifyInstance, limits: RateLimits): void {
  app.addHook('onRequest', async (request) => {
    if (COUNTED_ELSEWHERE.test(request.url)) return;
    await limits.spend('transfers', addressKey(request.ip));
  });
}
