import type { ObjectId } from '../../models/object-id.ts';

/** Where a new file goes: whose it is, which is whose quota it counts against, and in which folder; null is the root. */
export interface Destination {
  readonly owner: ObjectId;
  readonly folder: ObjectId | null;
  /** The id that it gets, where something names it before it comes; absent is any new one. */
  readonly id?: ObjectId;
}
