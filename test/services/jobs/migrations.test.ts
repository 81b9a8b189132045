import { setTimeout as pause } from 'node:timers/promises';
import mongoose from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrateDatabase } from '../../../src/app/database.ts';
import type { Migration } from '../../../src/database/migration.ts';
import { MIGRATIONS, migrate, pendingMigrations } from '../../../src/database/migrations.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { startServer } from '../../support/server.ts';

type Declared = [key: object, options: { name?: string }];
interface Made {
  key: object;
  name?: string;
}

let database: TestDatabase;
let applied: string[];

beforeAll(async () => {
  database = await openTestDatabase();
});
beforeEach(async () => {
  await record().deleteMany();
  applied = [];
});
afterAll(() => database.close());

/** A migration that notes when it began and ended. */
const step = (name: string, milliseconds = 0): Migration => ({
  name,
  async up() {
    applied.push(`${name} begins`);
    await pause(milliseconds);
    applied.push(`${name} ends`);
  },
});
const run = (migrations: readonly Migration[], connection = database.connection) =>
  migrate(connection, database.collections, migrations);
const record = () =>
  database.connection.collection<{ _id: string; until?: Date; owner?: string }>('migrations');

describe('Migrations', () => {
  it('run once each, one after the other, in their order', async () => {
    expect(await run([step('2-b', 20), step('1-a'), step('3-c')])).toEqual(['2-b', '1-a', '3-c']);
    const [b, a, c] = ['2-b', '1-a', '3-c'].map((name) => [`${name} begins`, `${name} ends`]);
    expect(applied).toEqual([b, a, c].flat());
    expect(await run([step('2-b'), step('1-a'), step('3-c')])).toEqual([]);
    expect(applied).toHaveLength(6);
  });

  it('that came later run alone, wherever in the order they stand', async () => {
    await run([step('1'), step('3')]);
    expect(await pendingMigrations(database.connection, [step('1'), step('2'), step('3')])).toEqual(['2']);
    expect(await run([step('1'), step('2'), step('3')])).toEqual(['2']);
  });

  it('end at the first that fails, which the next start repeats', async () => {
    const broken: Migration = { name: '2', up: () => Promise.reject(new Error('no room')) };
    await expect(run([step('1'), broken, step('3')])).rejects.toThrow('no room');
    expect(applied).toEqual(['1 begins', '1 ends']);
    expect(await record().countDocuments({ _id: 'lock' })).toBe(0);
    expect(await run([step('1'), step('2'), step('3')])).toEqual(['2', '3']);
  });

  it('of this code make exactly the indexes that the classes declare, also over an earlier attempt', async () => {
    const { connection, collections } = database;
    await connection.dropDatabase();
    expect(await pendingMigrations(connection)).toEqual(MIGRATIONS.map(({ name }) => name));
    await collections.files.createCollection();
    expect(await migrate(connection, collections)).toEqual(MIGRATIONS.map(({ name }) => name));
    for (const model of Object.values(collections)) {
      const declared = model.schema.indexes().map(([key, { name }]: Declared) => [name, Object.keys(key)[0]]);
      const made = (await model.collection.indexes()).map(({ key, name }: Made) => [
        name,
        Object.keys(key)[0],
      ]);
      const withoutId = ([name]: unknown[]) => name !== '_id_';
      expect(made.filter(withoutId).sort()).toEqual(declared.sort());
      expect(made).toHaveLength(declared.length + 1);
    }
    expect(await migrate(connection, collections)).toEqual([]);
  });
});

describe('A database of an earlier version', () => {
  it('keeps what it holds and gets the indexes it lacks, however much is in it', async () => {
    const { connection, collections } = database;
    await connection.dropDatabase();
    await migrate(connection, collections);
    const declared = await indexNames();
    for (const [model, later] of LATER) {
      for (const name of later) await collections[model].collection.dropIndex(name);
    }
    for (const name of ['apikeys', 'auditevents', 'outbox', 'avatars', 'ratelimits']) {
      await connection.dropCollection(name);
    }
    await record().deleteOne({ _id: '0003-protection' });
    const [users, files, blobs] = ['users', 'files', 'blobs'].map((name) => connection.collection(name));
    const many = Array.from({ length: 300 }, (_, i) => ({ i, text: `${i}` }));
    const now = new Date();
    await users?.insertMany(
      many.map(({ i, text }) => ({ username: text, email: text, role: i ? 'USER' : 'ADMIN', usedBytes: 1 })),
    );
    // Several of one content: one live, the others on their way out.
    await blobs?.insertMany(
      many.map(({ i, text }) => ({
        ...{ hash: `${i % 100}`, size: 1, key: text, provider: 'local', location: '/x', refCount: 1 },
        ...{ live: i < 100, createdAt: now },
      })),
    );
    await files?.insertMany(
      many.map(({ text }) => ({
        fileName: text,
        originalName: text,
        uploadStatus: 'COMPLETED',
        createdAt: now,
      })),
    );
    expect(await migrate(connection, collections)).toEqual(['0003-protection']);
    expect(await indexNames()).toEqual(declared);
    for (const held of [users, files, blobs]) expect(await held?.countDocuments()).toBe(300);
    expect(await migrate(connection, collections)).toEqual([]);
  });

  // What 0003 makes in collections that were there before it.
  const LATER = [
    ['users', ['administrators', 'email_verification', 'password_reset']],
    ['files', ['quarantine']],
    [
      'blobs',
      [
        ...['stored_bytes', 'scans_due', 'untold_verdicts', 'by_scanner', 'unshared_content'],
        ...['quarantined_content', 'by_master_key'],
      ],
    ],
  ] as const;

  async function indexNames() {
    const all = Object.entries(database.collections).map(async ([name, model]) => {
      const made: Made[] = await model.collection.indexes();
      return [name, made.map((index) => index.name).sort()];
    });
    return Object.fromEntries(await Promise.all(all));
  }
});

describe('Nodes that start at once', () => {
  it('apply each migration once between them, and all wait until it is applied', async () => {
    const nodes = await Promise.all(
      Array.from({ length: 6 }, () => mongoose.createConnection(database.uri).asPromise()),
    );
    const migrations = [step('1', 150), step('2', 150)];
    const results = await Promise.all(
      nodes.map(async (node) => {
        const names = await run(migrations, node);
        expect(await pendingMigrations(node, migrations)).toEqual([]);
        return names;
      }),
    );
    await Promise.all(nodes.map((node) => node.close()));
    expect(results.flat()).toEqual(['1', '2']);
    expect(applied).toEqual(['1 begins', '1 ends', '2 begins', '2 ends']);
    expect(await record().countDocuments({ _id: 'lock' })).toBe(0);
  });

  it('wait for one that lives', async () => {
    await record().insertOne({ _id: 'lock', owner: 'alive', until: new Date(Date.now() + 60_000) });
    const waiting = run([step('1')]);
    await pause(600);
    expect(applied).toEqual([]);
    await record().deleteOne({ _id: 'lock' });
    expect(await waiting).toEqual(['1']);
  });

  it('do not wait for one that died for longer than its lock lasts', async () => {
    await record().insertOne({ _id: 'lock', owner: 'dead', until: new Date(Date.now() + 700) });
    const waiting = run([step('1')]);
    await pause(300);
    expect(applied).toEqual([]);
    expect(await waiting).toEqual(['1']);
  });

  it('leave a lock alone that another took over meanwhile', async () => {
    const taken: Migration = {
      name: '1',
      up: async () => void (await record().updateOne({ _id: 'lock' }, { $set: { owner: 'another' } })),
    };
    await run([taken]);
    expect(await record().findOne({ _id: 'lock' })).toMatchObject({ owner: 'another' });
  });
});

describe('A start that may not migrate', () => {
  it('refuses a database that lacks a migration, and says what to do', async () => {
    const parts = { ...database, died: new Promise<never>(() => undefined), pool: {} as never };
    await expect(migrateDatabase(parts, false)).rejects.toThrow(
      /npm run migrate.*0001-indexes.*MIGRATE_ON_START/,
    );
    expect(await record().countDocuments()).toBe(0);
    await migrateDatabase(parts, true);
    expect(await migrateDatabase(parts, false)).toEqual([]);
  });

  it('is a process that ends without serving', async () => {
    const start = startServer({ MIGRATE_ON_START: 'false', MONGODB_URI: database.uri });
    await expect(start).rejects.toThrow(/ended with 1 before it was ready.*npm run migrate/s);
  });
});
