import type { Connection } from 'mongoose';
import type { Collections } from '../models/collections.ts';

/** One step of the database’s history. It may be run again after a crash midway, so it must bear that. */
export interface Migration {
  /** Number and name; decides the order and never changes. */
  readonly name: string;
  up(collections: Collections, connection: Connection): Promise<void>;
}
