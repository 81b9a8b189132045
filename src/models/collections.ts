import { getModelForClass, type ReturnModelType } from '@typegoose/typegoose';
import type { Connection } from 'mongoose';
import { Blob } from './blob.ts';
import { StoredFile } from './file.ts';
import { Session } from './session.ts';
import { User } from './user.ts';

/** The collections of one database, each typed by its class. */
export interface Collections {
  users: ReturnModelType<typeof User>;
  sessions: ReturnModelType<typeof Session>;
  files: ReturnModelType<typeof StoredFile>;
  blobs: ReturnModelType<typeof Blob>;
}

/** Builds the models on a connection; indexes are made by the migrations, never by a model. */
export function collectionsOf(connection: Connection): Collections {
  const on = { existingConnection: connection, schemaOptions: { autoIndex: false, autoCreate: false } };
  return {
    users: getModelForClass(User, on),
    sessions: getModelForClass(Session, on),
    files: getModelForClass(StoredFile, on),
    blobs: getModelForClass(Blob, on),
  };
}
