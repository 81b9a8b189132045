import { createHash } from 'node:crypto';
import type { Config } from '../config.ts';
import { appliedAt } from '../database/migrations.ts';
import { openRedis } from '../limits/redis-client.ts';
import { RedisBus } from '../pubsub/redis-bus.ts';
import { type LiveBus, LocalBus } from '../services/live/live-bus.ts';
import type { Database } from './database.ts';
import type { Log } from './log.ts';

/** A bus that is to be closed. */
export interface OpenedBus {
  readonly bus: LiveBus;
  close(): Promise<void>;
}

// Two channels’ names, of databases that share a Redis, must differ: no more is asked of it.
const NAME_LENGTH = 22;

/** Opens what carries news among the nodes: Redis where there is one, else this node hears only of itself. Never waits. */
export async function openBus(config: Config, database: Database, log: Log): Promise<OpenedBus> {
  if (!config.REDIS_URL) return { bus: new LocalBus(), close: async () => undefined };
  const failed = (err: unknown) => log.warn({ err }, 'live news reach this node alone for now');
  const channel = `imaginary-storage:${await nameOf(database)}:live`;
  const [publisher, subscriber] = await Promise.all([
    openRedis(config.REDIS_URL, failed),
    openRedis(config.REDIS_URL, failed),
  ]);
  const bus = new RedisBus({ publisher, subscriber, channel, failed });
  return { bus, close: async () => bus.close() };
}

/** The same on all nodes, by whatever address they reach the database: when it was begun, and what it is called. */
async function nameOf({ connection }: Database): Promise<string> {
  const begun = await appliedAt(connection);
  return createHash('sha256')
    .update(`${connection.name} ${begun?.toISOString() ?? ''}`)
    .digest('base64url')
    .slice(0, NAME_LENGTH);
}
