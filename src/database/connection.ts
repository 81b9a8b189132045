import mongoose, { type Connection } from 'mongoose';

/** The database’s name where the URI names none. */
export const DEFAULT_DATABASE = 'imaginaryStorage';

/** Opens a connection on which every write is journaled before it is answered; rejects when no server answers. */
export async function connect(uri: string): Promise<Connection> {
  const connection = mongoose.createConnection(uri, {
    ...(namesDatabase(uri) ? {} : { dbName: DEFAULT_DATABASE }),
    writeConcern: { w: 'majority', journal: true },
    serverSelectionTimeoutMS: 10_000,
    maxPoolSize: 50,
    ignoreUndefined: true,
    sanitizeFilter: false,
    bufferCommands: false,
    autoIndex: false,
    autoCreate: false,
  });
  return connection.asPromise();
}

/** Whether the part of a MongoDB URI behind its hosts names a database. */
function namesDatabase(uri: string): boolean {
  return /^mongodb(?:\+srv)?:\/\/[^/?]*\/[^?]/.test(uri);
}
