import { SealedText } from '../../src/auth/sealed-text.ts';
import { AppError } from '../../src/errors.ts';
import type { Collections } from '../../src/models/collections.ts';
import { AuditTrail } from '../../src/services/audit/audit-trail.ts';
import { SecondFactorCheck } from '../../src/services/credentials/second-factor-check.ts';
import { LIMITS, NO_LIMITS, type RateLimits } from '../../src/services/limits/rate-limits.ts';

/** What a test may set of how codes are checked. */
export interface FactorSettings {
  readonly secrets?: readonly string[];
  readonly now?: () => number;
  readonly limits?: RateLimits;
}

/** What second factors are checked with, over a database; without limits unless some are given. */
export function secondFactors(collections: Collections, settings: FactorSettings = {}) {
  const { secrets = ['secret of the tests'], limits = NO_LIMITS, now = Date.now } = settings;
  const sealed = new SealedText(secrets, 'second factors');
  const audit = new AuditTrail(collections.auditEvents, (error) => {
    throw error;
  });
  return {
    sealed,
    audit,
    check: new SecondFactorCheck({ users: collections.users, sealed, limits, audit, now }),
  };
}

/** Limits that are counted by the test’s own process and never come back by themselves. */
export function countedLimits(): RateLimits & { readonly spent: Map<string, number> } {
  const spent = new Map<string, number>();
  const refuse = () => new AppError('RATE_LIMITED', 'Too many tries.', { retryAfter: 1 });
  return {
    ...NO_LIMITS,
    spent,
    async spend(limit, key, points = 1) {
      const total = (spent.get(`${limit} ${key}`) ?? 0) + points;
      if (total > LIMITS[limit].points) throw refuse();
      spent.set(`${limit} ${key}`, total);
    },
    async forget(limit, key) {
      spent.delete(`${limit} ${key}`);
    },
  };
}
