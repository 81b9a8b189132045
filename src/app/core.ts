import { keptSecret } from '../auth/kept-secret.ts';
import { openStores, type Stores } from '../blobs/stores.ts';
import type { Config } from '../config.ts';
import { Metrics } from '../http/metrics.ts';
import type { Collections } from '../models/collections.ts';
import { type Database, migrateDatabase, openDatabase } from './database.ts';
import { createLimits } from './limits.ts';
import { openBus } from './live-bus.ts';
import type { Log } from './log.ts';
import { createServices, type Wired } from './services.ts';

/** Everything of the service but its HTTP server: nothing runs by itself, nothing listens. */
export interface Core extends Wired {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly database: Database;
  readonly collections: Collections;
  readonly stores: Stores;
  /** Names of the migrations that were applied at opening. */
  readonly migrated: readonly string[];
  /** Waits for what is under way to end and closes everything; calling it again awaits the same end. */
  close(): Promise<void>;
}

/** How a core is opened. */
export interface CoreOptions {
  readonly log: Log;
  /** The origin that clients reach the service at, as far as it is known when it is asked for. */
  readonly baseUrl: () => string;
  /** Whether a service may run on the same DATA_PATH: its embedded engine is then used, not refused. */
  readonly beside?: boolean;
}

/** Opens stores, database and services; rejects, with nothing left open, when one of them cannot be. */
export async function createCore(
  config: Config,
  { log, baseUrl, beside = false }: CoreOptions,
): Promise<Core> {
  const opened: (() => Promise<unknown>)[] = [];
  const closeAll = async () => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  let closing: Promise<void> | undefined;
  try {
    const stores = await openStores(config.providers, config.BACKUP_PROVIDER ?? null, config);
    opened.push(() => stores.close());
    const database = await openDatabase(config, { log: (message) => log.info(message), beside });
    opened.push(() => database.close());
    const migrated = await migrateDatabase(database, config.MIGRATE_ON_START);
    const { collections } = database;
    const metrics = new Metrics();
    const secrets = config.JWT_SECRET?.length ? config.JWT_SECRET : [await keptSecret(config.secretPath)];
    const { limits, close } = await createLimits(config, database, log);
    opened.push(close);
    const { bus, close: closeBus } = await openBus(config, database, log);
    opened.push(closeBus);
    const wired = createServices({
      config,
      collections,
      stores,
      limits,
      bus,
      secrets,
      metrics,
      log,
      baseUrl,
    });
    opened.push(() => wired.sweeping.stop());
    opened.push(() => wired.services.uploads.idle());
    opened.push(async () => wired.services.directUploads.stop());
    return {
      ...wired,
      config,
      log,
      metrics,
      database,
      collections,
      stores,
      migrated,
      close() {
        closing ??= closeAll();
        return closing;
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
