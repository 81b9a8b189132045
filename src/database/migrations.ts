import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from 'mongoose';
import type { Collections } from '../models/collections.ts';
import { isDuplicateKey } from '../models/object-id.ts';
import type { Migration } from './migration.ts';
import { migration as indexes } from './migrations/0001-indexes.ts';
import { migration as copies } from './migrations/0002-copies.ts';
import { migration as protection } from './migrations/0003-protection.ts';
import { migration as sharing } from './migrations/0004-sharing.ts';

/** Every migration, in order. */
export const MIGRATIONS: readonly Migration[] = [indexes, copies, protection, sharing];

interface Applied {
  _id: string;
  appliedAt?: Date;
  owner?: string;
  until?: Date;
}

const LOCK = 'lock';
const LOCK_MS = 60_000;

/** The names of the migrations that this database has not seen. */
export async function pendingMigrations(
  connection: Connection,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<string[]> {
  const applied = await record(connection)
    .find({}, { projection: { _id: 1 } })
    .toArray();
  const names = new Set(applied.map(({ _id }) => _id));
  return migrations.map(({ name }) => name).filter((name) => !names.has(name));
}

/** Applies what is pending, one node at a time; resolves with the names of what this call applied. */
export async function migrate(
  connection: Connection,
  collections: Collections,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<string[]> {
  if ((await pendingMigrations(connection, migrations)).length === 0) return [];
  const release = await lock(connection);
  try {
    const pending = new Set(await pendingMigrations(connection, migrations));
    for (const migration of migrations) {
      if (!pending.has(migration.name)) continue;
      await migration.up(collections, connection);
      await record(connection).insertOne({ _id: migration.name, appliedAt: new Date() });
    }
    return [...pending];
  } finally {
    await release();
  }
}

/** When the first migration was applied to the database; null before. */
export async function appliedAt(connection: Connection): Promise<Date | null> {
  const [first] = MIGRATIONS;
  const applied = first && (await record(connection).findOne({ _id: first.name }));
  return applied?.appliedAt ?? null;
}

/** Waits for its turn; a lock whose owner died falls free after a minute without renewal. */
async function lock(connection: Connection): Promise<() => Promise<void>> {
  const owner = randomUUID();
  while (!(await take(connection, owner))) await pause(200);
  const renewal = setInterval(() => {
    record(connection)
      .updateOne({ _id: LOCK, owner }, { $set: { until: new Date(Date.now() + LOCK_MS) } })
      // A renewal that fails once is made up for by the next.
      .catch(() => undefined);
  }, LOCK_MS / 4);
  return async () => {
    clearInterval(renewal);
    await record(connection).deleteOne({ _id: LOCK, owner });
  };
}

async function take(connection: Connection, owner: string): Promise<boolean> {
  try {
    await record(connection).updateOne(
      { _id: LOCK, until: { $lt: new Date() } },
      { $set: { owner, until: new Date(Date.now() + LOCK_MS) } },
      { upsert: true },
    );
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

const record = (connection: Connection) => connection.collection<Applied>('migrations');
