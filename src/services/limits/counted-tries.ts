import { currentRequest } from '../request-facts.ts';
import { addressKey } from './address-key.ts';
import type { LimitName, RateLimits } from './rate-limits.ts';

/** Does what somebody may fail at so often from one address: a try is spent before, and given back where it succeeds. */
export async function countedTry<T>(
  limits: RateLimits,
  limit: LimitName,
  work: () => Promise<T>,
): Promise<T> {
  const request = currentRequest();
  if (!request) return work();
  const address = addressKey(request.ip);
  await limits.spend(limit, address);
  const result = await work();
  await limits.giveBack(limit, address);
  return result;
}
