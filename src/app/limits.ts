import type { Config } from '../config.ts';
import { type OpenedLimits, openLimits } from '../limits/open-limits.ts';
import { allowancesWith } from '../services/limits/rate-limits.ts';
import { noteSpent } from '../services/limits/spent-limits.ts';
import type { Database } from './database.ts';
import type { Log } from './log.ts';

/** Opens the rate limits as they are configured; rejects where a change names a limit that is not there. */
export async function createLimits(
  config: Config,
  { connection }: Database,
  log: Log,
): Promise<OpenedLimits> {
  const { db } = connection;
  if (!db) throw new Error('The database is not connected.');
  return openLimits({
    allowances: allowancesWith(config.RATE_LIMITS),
    redisUrl: config.REDIS_URL ?? null,
    database: db,
    noted: noteSpent,
    failing: (err) => log.error({ err }, 'rate limits are counted by this node alone for now'),
  });
}
