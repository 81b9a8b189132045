import { createHash } from 'node:crypto';
import { AppError } from '../errors.ts';
import type { Allowances, LimitName, RateLimits, Standing } from '../services/limits/rate-limits.ts';
import type { OpenCounts } from './counts.ts';
import { type KeyStanding, SharedLimit } from './shared-limit.ts';

/** The rate limits of all nodes that share the counts. */
export class SharedRateLimits implements RateLimits {
  private readonly limits = new Map<LimitName, SharedLimit>();
  private readonly allowances: Allowances;
  private readonly noted: (standing: Standing) => void;

  /** `noted` hears how a limit stands whenever something was spent of it. */
  constructor(allowances: Allowances, counts: OpenCounts, noted: (standing: Standing) => void) {
    this.allowances = allowances;
    this.noted = noted;
    for (const [name, allowance] of Object.entries(allowances)) {
      if (!allowance) continue;
      this.limits.set(name as LimitName, new SharedLimit(allowance, counts(name, allowance.within)));
    }
  }

  async spend(limit: LimitName, key: string, points = 1): Promise<void> {
    const standing = await this.limits.get(limit)?.spend(hidden(key), points);
    if (standing) this.pass(limit, standing);
  }

  async require(limit: LimitName, key: string): Promise<void> {
    const standing = await this.limits.get(limit)?.look(hidden(key));
    if (standing) this.pass(limit, standing);
  }

  async tally(limit: LimitName, key: string): Promise<number> {
    const tallied = await this.limits.get(limit)?.tally(hidden(key));
    return tallied?.beyond ?? 0;
  }

  async giveBack(limit: LimitName, key: string, points = 1): Promise<void> {
    await this.limits.get(limit)?.giveBack(hidden(key), points);
  }

  async forget(limit: LimitName, key: string): Promise<void> {
    await this.limits.get(limit)?.forget(hidden(key));
  }

  private pass(limit: LimitName, { granted, remaining, msLeft }: KeyStanding): void {
    const allowance = this.allowances[limit];
    const resets = Math.max(1, Math.ceil(msLeft / 1000));
    if (allowance) this.noted({ limit, ...allowance, remaining: granted ? remaining : 0, resets });
    if (granted) return;
    throw new AppError('RATE_LIMITED', `Too many attempts (${limit}): try again in ${resets} seconds.`, {
      retryAfter: resets,
    });
  }
}

/** Names and addresses stand nowhere in the counts; half of a hash is enough to tell them apart. */
function hidden(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22);
}
