import { currentRequest, type RequestFacts } from '../request-facts.ts';
import type { Standing } from './rate-limits.ts';

const spent = new WeakMap<RequestFacts, Map<string, Standing>>();

/** Remembers, for the request that is being answered, how a limit stands that it spent of. */
export function noteSpent(standing: Standing): void {
  const request = currentRequest();
  if (!request) return;
  const standings = spent.get(request) ?? new Map<string, Standing>();
  spent.set(request, standings.set(standing.limit, standing));
}

/** How the limits stand that a request has spent of, each as it was left last. */
export function spentLimits(request: RequestFacts): readonly Standing[] {
  return [...(spent.get(request)?.values() ?? [])];
}
