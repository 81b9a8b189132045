import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED } from '../../models/file.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { StorageUsage, User } from '../../models/user.ts';
import { USABLE } from '../sessions/sessions.ts';
import { withId } from '../with-id.ts';
import { checkedName, checkedUsername, takenOr } from './account-rules.ts';

/** What an owner may change of its profile: absent leaves as is, null clears a name. */
export interface ProfileChanges {
  readonly username?: string | null | undefined;
  readonly firstName?: string | null | undefined;
  readonly lastName?: string | null | undefined;
}

/** A StorageUsage that knows whose it is. */
export type Usage = StorageUsage & Pick<User, '_id'>;

/** What accounts show of themselves, as plain documents without their secrets. */
export class Profiles {
  private readonly users: Collections['users'];
  private readonly files: Collections['files'];

  constructor(collections: Pick<Collections, 'users' | 'files'>) {
    this.users = collections.users;
    this.files = collections.files;
  }

  /** Changes the given fields; CONFLICT for a username that is taken. */
  async update(userId: ObjectId, changes: ProfileChanges): Promise<User> {
    const user = await this.users
      .findOneAndUpdate(
        { _id: userId, ...USABLE },
        { $set: checkedChanges(changes) },
        { returnDocument: 'after' },
      )
      .lean()
      .catch((error: unknown) => {
        throw takenOr(error);
      });
    if (!user) throw new AppError('UNAUTHENTICATED', 'This account has ended.');
    return withId(user);
  }

  /** The account, or null when there is none or its owner deleted it. */
  async find(userId: ObjectId): Promise<User | null> {
    const user = await this.users.findOne({ _id: userId, deletedAt: null }).lean();
    return user && withId(user);
  }

  /** The accounts of the ids, in their order, null where there is none; one just deleted is there without its names. */
  async findMany(ids: readonly string[]): Promise<(User | null)[]> {
    const users = await this.users.find({ _id: { $in: ids } }).lean();
    const byId = new Map(users.map(withId).map((user) => [user.id, user]));
    return ids.map((id) => byId.get(id) ?? null);
  }

  /** What the account stores and may store; NOT_FOUND without an account. */
  async usage(userId: ObjectId): Promise<Usage> {
    const user = await this.users.findOne({ _id: userId }, { usedBytes: 1, quotaBytes: 1 }).lean();
    if (!user) throw new AppError('NOT_FOUND', 'There is no such account.');
    return { _id: user._id, usedBytes: user.usedBytes, quotaBytes: user.quotaBytes ?? null };
  }

  /** How many files the account has, the trash included. */
  async countFiles(userId: ObjectId): Promise<number> {
    // Both values of isDeleted are named so that the list indexes, which begin with it, can answer.
    return this.files.countDocuments({
      userId,
      isDeleted: { $in: [false, true] },
      ...LISTED,
      purgingAt: null,
    });
  }
}

function checkedChanges({ username, firstName, lastName }: ProfileChanges) {
  return {
    ...(username !== undefined && { username: checkedUsername(username) }),
    ...(firstName !== undefined && { firstName: checkedName(firstName, 'firstName') }),
    ...(lastName !== undefined && { lastName: checkedName(lastName, 'lastName') }),
  };
}
