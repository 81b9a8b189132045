import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { migrateDatabase, openDatabase } from './app/database.ts';
import { createLog, type Log } from './app/log.ts';
import { createServer } from './app/server.ts';
import { createServices, type Wired } from './app/services.ts';
import { keptSecret } from './auth/kept-secret.ts';
import { openStores } from './blobs/stores.ts';
import type { Config } from './config.ts';
import { clearSpills } from './graphql/spill-file.ts';
import { Metrics } from './http/metrics.ts';

const IDLE_CHECK_MS = 100;

/** The whole service, built and connected, that does not listen yet. */
export interface App {
  readonly log: Log;
  readonly sweep: Wired['sweep'];
  /** Names of the migrations that this start applied. */
  readonly migrated: readonly string[];
  /** Resolves, with what happened, when something the service cannot do without has ended by itself. */
  readonly died: Promise<Error>;
  /** Starts to serve and to sweep; resolves with the origin it is reached at. */
  listen(): Promise<string>;
  /** Stops accepting, lets running transfers finish for so many seconds, ends the rest and closes everything. */
  close(graceSeconds?: number): Promise<void>;
}

/** Builds the service from its configuration; rejects, with nothing left open, when a part cannot start. */
export async function createApp(config: Config): Promise<App> {
  const log = createLog({ level: config.LOG_LEVEL, pretty: !config.isProduction });
  const opened: (() => Promise<unknown>)[] = [];
  const closeAll = async () => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    const stores = await openStores(config.providers, config.BACKUP_PROVIDER ?? null, config);
    opened.push(() => stores.close());
    const database = await openDatabase(config, (message) => log.info(message));
    opened.push(() => database.close());
    const migrated = await migrateDatabase(database, config.MIGRATE_ON_START);
    await mkdir(config.spillPath, { recursive: true, mode: 0o700 });
    await clearSpills(config.spillPath);

    let origin = config.PUBLIC_URL ?? '';
    let stopping = false;
    const metrics = new Metrics();
    metrics.gauge('mongodb_connections_open', 'Connections to the database.', () => database.pool().open);
    metrics.gauge(
      'mongodb_connections_in_use',
      'Connections that wait for an answer.',
      () => database.pool().inUse,
    );
    const secrets = config.JWT_SECRET?.length ? config.JWT_SECRET : [await keptSecret(config.secretPath)];
    const wired = createServices({
      config,
      collections: database.collections,
      stores,
      secrets,
      metrics,
      log,
      baseUrl: () => origin,
    });
    opened.push(() => wired.sweeping.stop());
    opened.push(() => wired.services.uploads.idle());
    const server = await createServer({
      config,
      wired,
      metrics,
      log,
      checks: {
        database: () =>
          database.connection.db?.command({ ping: 1 }) ?? Promise.reject(new Error('not connected')),
        storage: () => stores.primary.check(),
      },
      stopping: () => stopping,
      assetsDirectory: join(import.meta.dirname, '../dist/playground'),
    });
    opened.push(() => server.close());

    return {
      log,
      sweep: wired.sweep,
      migrated,
      died: database.died,
      async listen() {
        const address = await server.listen({ host: config.HOST, port: config.PORT });
        origin ||= address;
        wired.sweeping.start();
        return address;
      },
      async close(graceSeconds = 0) {
        stopping = true;
        // A connection that was busy when the stop began is kept alive for a next request that will not be taken.
        const idle = setInterval(() => server.server.closeIdleConnections(), IDLE_CHECK_MS);
        const cut = setTimeout(() => server.server.closeAllConnections(), graceSeconds * 1000);
        await closeAll();
        clearInterval(idle);
        clearTimeout(cut);
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
