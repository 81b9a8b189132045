import { randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { type Collections, collectionsOf } from '../../src/models/collections.ts';
import { testMongodb } from './mongodb.ts';

/** A database of its own on the run's MongoDB, with every index of the models. */
export interface TestDatabase {
  /** Its client reports `commandStarted`, so that tests can look at what was asked of the database. */
  readonly connection: mongoose.Connection;
  readonly collections: Collections;
  /** The address with the database's name, for another process or connection. */
  readonly uri: string;
  /** Drops the database and closes the connection. */
  close(): Promise<void>;
}

/** Opens a new, empty database under a random name; the caller closes it. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  const uri = withDatabase(testMongodb(), name);

  const connection = await mongoose.createConnection(uri, { monitorCommands: true }).asPromise();
  const collections = collectionsOf(connection);
  for (const model of Object.values(collections)) {
    await model.createCollection();
    await model.createIndexes();
  }

  return {
    connection,
    collections,
    uri,
    async close() {
      await connection.dropDatabase();
      await connection.close();
    },
  };
}

function withDatabase(server: string, name: string): string {
  const [, hosts = '', options = ''] =
    /^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?(\?.*)?$/.exec(server) ?? [];
  return `${hosts}/${name}${options}`;
}
