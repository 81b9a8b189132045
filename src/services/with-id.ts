import type { ObjectId } from '../models/object-id.ts';

/** The same plain document with `id` as the hex string that GraphQL's `id` fields read. */
export function withId<T extends { _id: ObjectId }>(document: T): T & { id: string } {
  return Object.assign(document, { id: document._id.toHexString() });
}
