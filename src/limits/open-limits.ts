import type { Allowances, RateLimits, Standing } from '../services/limits/rate-limits.ts';
import { Insurance } from './insurance.ts';
import { type CountingDatabase, mongoCounts, redisCounts } from './library-counts.ts';
import { openRedis } from './redis-client.ts';
import { SharedRateLimits } from './shared-rate-limits.ts';

/** Rate limits that are to be closed. */
export interface OpenedLimits {
  readonly limits: RateLimits;
  close(): Promise<void>;
}

/** Opens the limits with their counts in Redis where there is one, else in MongoDB; never waits for either. */
export async function openLimits(options: {
  allowances: Allowances;
  redisUrl: string | null;
  database: CountingDatabase;
  /** Hears how a limit stands whenever something was spent of it. */
  noted: (standing: Standing) => void;
  /** Hears, once a minute at most, that the counts could not be asked for and each node limits by itself. */
  failing: (error: unknown) => void;
}): Promise<OpenedLimits> {
  const { redisUrl, database, allowances, noted, failing } = options;
  if (!redisUrl) {
    const insurance = new Insurance(mongoCounts(database), failing);
    return {
      limits: new SharedRateLimits(allowances, insurance.counts, noted),
      close: async () => undefined,
    };
  }
  let insurance: Insurance | undefined;
  const client = await openRedis(redisUrl, (error) => insurance?.failed(error));
  insurance = new Insurance(redisCounts(client), failing);
  return {
    limits: new SharedRateLimits(allowances, insurance.counts, noted),
    close: async () => client.destroy(),
  };
}
