import mongoose from 'mongoose';

/** The ids of all documents. */
export const ObjectId = mongoose.Types.ObjectId;
export type ObjectId = mongoose.Types.ObjectId;

export type Collection<T extends mongoose.mongo.Document> = mongoose.mongo.Collection<T>;
export type Filter<T> = mongoose.mongo.Filter<T>;
/** The filter of a model’s own methods, which cast the values to the schema’s types. */
export type QueryFilter<T> = mongoose.QueryFilter<T>;
/** An aggregation expression or stage. */
export type Expression = mongoose.mongo.Document;

const HEX = /^[0-9a-f]{24}$/i;

/** The id a client's text names, or null when it cannot be one. */
export function parseId(text: unknown): ObjectId | null {
  return typeof text === 'string' && HEX.test(text) ? new ObjectId(text) : null;
}

const DUPLICATE_KEY = 11000;

/** Whether a write failed because a unique index has its value already. */
export function isDuplicateKey(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === DUPLICATE_KEY;
}
