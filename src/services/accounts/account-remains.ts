import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { removeRequestsOf } from '../sharing/requests/request-end.ts';

/** Where something of an account lies beside its files and its own document. */
export type RemainsCollections = Pick<
  Collections,
  | 'uploadRequests'
  | 'uploadStates'
  | 'webhooks'
  | 'webhookDeliveries'
  | 'users'
  | 'sessions'
  | 'apiKeys'
  | 'outbox'
  | 'avatars'
  | 'grants'
  | 'folders'
  | 'shares'
>;

/** Removes everything of a deleted account but its files and its document; may be done again after a crash. */
export async function removeRemains(collections: RemainsCollections, userId: ObjectId): Promise<void> {
  const { sessions, apiKeys, outbox, avatars, grants, folders, shares, webhooks, webhookDeliveries } =
    collections;
  await Promise.all([
    sessions.deleteMany({ userId }),
    apiKeys.deleteMany({ userId }),
    outbox.deleteMany({ userId }),
    avatars.deleteMany({ userId }),
    shares.deleteMany({ userId }),
    shares.deleteMany({ createdBy: userId }),
    grants.deleteMany({ userId }),
    grants.deleteMany({ grantee: userId }),
    grants.deleteMany({ grantedBy: userId }),
    webhooks.deleteMany({ userId }),
    webhookDeliveries.deleteMany({ userId }),
    removeRequestsOf(collections, userId),
    collections.uploadStates.deleteMany({ userId }),
    folders.deleteMany({ userId, isDeleted: false }),
    folders.deleteMany({ userId, isDeleted: true }),
  ]);
}

/** Removes avatars that an interrupted change left, due at this time; resolves with how many. */
export async function removeUnusedAvatars(
  { users, avatars }: RemainsCollections,
  now: Date,
  signal: AbortSignal,
): Promise<number> {
  let removed = 0;
  const due = avatars.find({ unusedAfter: { $lt: now } }, { userId: 1, version: 1, unusedAfter: 1 }).lean();
  for await (const { _id, userId, version, unusedAfter } of due) {
    signal.throwIfAborted();
    // Only while the mark is the one that was found: a newer one is of a change that is under way.
    const marked = { _id, unusedAfter: { $eq: unusedAfter ?? null } };
    if (await users.exists({ _id: userId, avatarVersion: version })) {
      await avatars.updateOne(marked, { $unset: { unusedAfter: 1 } });
    } else removed += (await avatars.deleteOne(marked)).deletedCount;
  }
  return removed;
}
