import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { reportKeys } from './app/content-keys.ts';
import { createCore } from './app/core.ts';
import { createLog, type Log } from './app/log.ts';
import { createServer } from './app/server.ts';
import type { Config } from './config.ts';
import { clearSpills } from './graphql/multipart/spill-file.ts';

const IDLE_CHECK_MS = 100;

/** The whole service, built and connected, that does not listen yet. */
export interface App {
  readonly log: Log;
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
  let origin = config.PUBLIC_URL ?? '';
  let stopping = false;
  const core = await createCore(config, { log, baseUrl: () => origin });
  const { database, metrics, scanner, stores, sweeping } = core;
  try {
    await reportKeys(core.keyRotation, log);
    await mkdir(config.spillPath, { recursive: true, mode: 0o700 });
    await clearSpills(config.spillPath);
    metrics.gauge('mongodb_connections_open', 'Connections to the database.', () => database.pool().open);
    metrics.gauge(
      'mongodb_connections_in_use',
      'Connections that wait for an answer.',
      () => database.pool().inUse,
    );
    const server = await createServer({
      config,
      wired: core,
      metrics,
      log,
      checks: {
        database: () =>
          database.connection.db?.command({ ping: 1 }) ?? Promise.reject(new Error('not connected')),
        storage: () => stores.primary.check(),
        ...(scanner && { scanner: () => scanner.check() }),
        ...core.processing.checks,
      },
      stopping: () => stopping,
      assetsDirectory: join(import.meta.dirname, '../dist/playground'),
    });

    return {
      log,
      died: database.died,
      async listen() {
        const address = await server.listen({ host: config.HOST, port: config.PORT });
        origin ||= address;
        sweeping.start();
        return address;
      },
      async close(graceSeconds = 0) {
        stopping = true;
        // A connection that was busy when the stop began is kept alive for a next request that will not be taken.
        const idle = setInterval(() => server.server.closeIdleConnections(), IDLE_CHECK_MS);
        const cut = setTimeout(() => server.server.closeAllConnections(), graceSeconds * 1000);
        await server.close();
        await core.close();
        clearInterval(idle);
        clearTimeout(cut);
      },
    };
  } catch (error) {
    await core.close();
    throw error;
  }
}
