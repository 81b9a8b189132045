import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterMongo,
  RateLimiterRedis,
} from 'rate-limiter-flexible';
import type { Counts, OpenCounts } from './counts.ts';
import type { RedisClient } from './redis-client.ts';

/** A MongoDB database, as far as counting needs it. */
export interface CountingDatabase {
  collection(name: string, options: { writeConcern: { w: 1; journal: false } }): unknown;
}

/** The collection that counts are kept in; its indexes are those of the model RateCount. */
export const COUNTS_COLLECTION = 'ratelimits';

/** Counts in MongoDB. */
export function mongoCounts(database: CountingDatabase): OpenCounts {
  // A count that a crash of the database takes back is no harm, and waiting for the journal would slow every request.
  const collection = database.collection(COUNTS_COLLECTION, { writeConcern: { w: 1, journal: false } });
  return (name, seconds) =>
    countsOf(
      new RateLimiterMongo({
        ...optionsOf(name, seconds),
        storeClient: { collection: () => collection },
        tableName: COUNTS_COLLECTION,
        disableIndexesCreation: true,
      }),
    );
}

/** Counts in Redis. */
export function redisCounts(client: RedisClient): OpenCounts {
  return (name, seconds) =>
    countsOf(
      new RateLimiterRedis({
        ...optionsOf(`imaginaryStorage:limits:${name}`, seconds),
        storeClient: client,
        useRedisPackage: true,
        rejectIfRedisNotReady: true,
      }),
    );
}

/** Counts in this process’s memory. */
export const memoryCounts: OpenCounts = (name, seconds) =>
  countsOf(new RateLimiterMemory(optionsOf(name, seconds)));

// Who may spend how much is decided from the counts; the library only keeps them.
const optionsOf = (keyPrefix: string, duration: number) => ({
  keyPrefix,
  duration,
  points: Number.MAX_SAFE_INTEGER,
});

function countsOf(limiter: RateLimiterAbstract): Counts {
  return {
    async add(key, points) {
      const { consumedPoints, msBeforeNext } =
        points < 0 ? await limiter.reward(key, -points) : await limiter.penalty(key, points);
      return { points: consumedPoints, msLeft: msBeforeNext };
    },
    async look(key) {
      const found = await limiter.get(key);
      return found && { points: found.consumedPoints, msLeft: found.msBeforeNext };
    },
    async clear(key) {
      await limiter.delete(key);
    },
  };
}
