import { mkdir } from 'node:fs/promises';

import type { Config } from '../config.ts';
import { defaultCacheDirectory } from '../database/cache-directory.ts';
import { connect } from '../database/connection.ts';
import { type EmbeddedEngine, startEmbeddedEngine } from '../database/embedded-engine.ts';
import { migrate, pendingMigrations } from '../database/migrations.ts';
import { sharedEngine } from '../database/shared-engine.ts';
import { type Collections, collectionsOf } from '../models/collections.ts';

/** The database as the process uses it. */
export interface Database {
  readonly connection: Awaited<ReturnType<typeof connect>>;
  readonly collections: Collections;
  /** The address that any other process of this user may connect to while this one runs. */
  readonly uri: string;
  /** Resolves, with what happened, if an embedded engine ends by itself. */
  readonly died: Promise<Error>;
  /** How many connections the driver holds open now, and how many of them are in use. */
  pool(): { open: number; inUse: number };
  close(): Promise<void>;
}

/** How the database is opened. */
export interface DatabaseOptions {
  readonly log: (message: string) => void;
  /** Whether an embedded engine that already serves DATA_PATH is used, and left running, instead of refused. */
  readonly beside: boolean;
}

/** Connects to the configured server, or starts the embedded engine; the schema of the data is not touched yet. */
export async function openDatabase(config: Config, options: DatabaseOptions): Promise<Database> {
  const { uri, engine } = await reach(config, options);
  try {
    const connection = await connect(uri);
    return {
      connection,
      pool: watchPool(connection),
      collections: collectionsOf(connection),
      uri,
      died: engine?.died ?? new Promise<never>(() => undefined),
      async close() {
        await connection.close();
        await engine?.stop();
      },
    };
  } catch (error) {
    await engine?.stop();
    throw new Error(`The database does not answer: ${(error as Error).message}`, { cause: error });
  }
}

/** Brings the data up to date, or, where a start must not do that, refuses to go on with old data. */
export async function migrateDatabase(database: Database, mayMigrate: boolean): Promise<string[]> {
  if (mayMigrate) return migrate(database.connection, database.collections);
  const pending = await pendingMigrations(database.connection);
  if (pending.length > 0) {
    throw new Error(
      `Run \`npm run migrate\` first: the database lacks ${pending.join(', ')} (MIGRATE_ON_START is false).`,
    );
  }
  return [];
}

/** The address of the database, with the engine where one was started for it. */
async function reach(
  config: Config,
  options: DatabaseOptions,
): Promise<{ uri: string; engine: EmbeddedEngine | null }> {
  if (config.MONGODB_URI) return { uri: config.MONGODB_URI, engine: null };
  const shared = () => (options.beside ? sharedEngine(config.databasePath) : null);
  const running = await shared();
  if (running) return { uri: running, engine: null };
  try {
    const engine = await startEngine(config, options);
    return { uri: engine.uri, engine };
  } catch (error) {
    // A service that was only just starting holds the directory before its engine can be asked.
    const started = await shared();
    if (started) return { uri: started, engine: null };
    throw error;
  }
}

async function startEngine(config: Config, { log, beside }: DatabaseOptions): Promise<EmbeddedEngine> {
  await mkdir(config.dataPath, { recursive: true, mode: 0o700 });
  return startEmbeddedEngine({
    directory: config.databasePath,
    cacheDirectory: defaultCacheDirectory(),
    log,
    // One that ends with a command is nothing for others to rely on.
    shared: !beside,
  });
}

function watchPool(connection: Database['connection']): Database['pool'] {
  const now = { open: 0, inUse: 0 };
  connection
    .getClient()
    .on('connectionCreated', () => void now.open++)
    .on('connectionClosed', () => void now.open--)
    .on('connectionCheckedOut', () => void now.inUse++)
    .on('connectionCheckedIn', () => void now.inUse--);
  return () => now;
}
