import type { createClient } from 'redis';

/** A client of a Redis server that goes on trying to reach it. */
export type RedisClient = ReturnType<typeof createClient>;

const CONNECT_MS = 2_000;
const MOST_PAUSE_MS = 2_000;

/** Opens a client without waiting for the server; `failed` hears of each time it cannot be reached. */
export async function openRedis(url: string, failed: (error: unknown) => void): Promise<RedisClient> {
  const { createClient } = await import('redis');
  const client = createClient({
    url,
    // What cannot be asked now is counted elsewhere; nobody waits for it.
    disableOfflineQueue: true,
    socket: {
      connectTimeout: CONNECT_MS,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** Math.min(retries, 10), MOST_PAUSE_MS),
    },
  });
  client.on('error', failed);
  client.connect().catch(failed);
  return client as RedisClient;
}
