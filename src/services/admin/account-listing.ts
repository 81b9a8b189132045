import type { Collections } from '../../models/collections.ts';
import { NEVER } from '../../models/file.ts';
import { parseId, type QueryFilter } from '../../models/object-id.ts';
import { CASE_INSENSITIVE, type User } from '../../models/user.ts';
import { type CountedPage, type ForwardRequest, pageSize } from '../forward-page.ts';
import type { SignedCursors } from '../signed-cursors.ts';
import { withId } from '../with-id.ts';

type Lane = 'username' | 'email';
type Position = { readonly lane: Lane; readonly value: string };

const LIST = 'users';
const USERNAME_PREFIX = /^[a-z0-9_]+$/;

/** Lists of accounts, paged by key. Accounts that their owners deleted are in none. */
export class AccountListing {
  private readonly users: Collections['users'];
  private readonly cursors: SignedCursors;

  constructor(users: Collections['users'], cursors: SignedCursors) {
    this.users = users;
    this.cursors = cursors;
  }

  /**
   * The accounts whose username or address begins with the text, whatever the case: by username, then those that only
   * the address tells, by address. Without a text all accounts, the newest first.
   */
  async page(search: string | null | undefined, request: ForwardRequest): Promise<CountedPage<User>> {
    const size = pageSize(request.first);
    const prefix = (search ?? '').trim().toLowerCase();
    const list = `${LIST} ${prefix}`;
    const place = this.cursors.decode(list, request.after);
    const found = prefix
      ? await this.matches(prefix, place && { lane: place[0] as Lane, value: String(place[1]) }, size + 1)
      : await this.newest(place && String(place[0]), size + 1);
    const nodes = found.slice(0, size);
    return {
      nodes,
      hasNextPage: found.length > size,
      hasPreviousPage: place !== null,
      cursor: (user) => this.cursors.encode(list, prefix ? placeOf(user, prefix) : [user.id]),
      count: () => (prefix ? this.countMatches(prefix) : this.countAll()),
    };
  }

  private async newest(after: string | null, limit: number): Promise<User[]> {
    const beyond = after ? { _id: { $lt: parseId(after) } } : {};
    const users = await this.users
      .find({ ...beyond, deletedAt: null } as QueryFilter<User>)
      .sort({ _id: -1 })
      .hint('_id_')
      .limit(limit)
      .lean();
    return users.map(withId);
  }

  private async matches(prefix: string, after: Position | null, limit: number): Promise<User[]> {
    const named = after?.lane === 'email' ? [] : await this.lane('username', prefix, after, limit);
    if (named.length === limit) return named;
    const rest = after?.lane === 'email' ? after : null;
    return [...named, ...(await this.lane('email', prefix, rest, limit - named.length))];
  }

  private async lane(lane: Lane, prefix: string, after: Position | null, limit: number): Promise<User[]> {
    const conditions = laneConditions(lane, prefix);
    if (!conditions) return [];
    const beyond = after ? [{ [lane]: { $gt: after.value } }] : [];
    const query = this.users
      .find({ $and: [...conditions, ...beyond] } as QueryFilter<User>)
      .sort({ [lane]: 1 })
      .limit(limit);
    if (lane === 'username') query.collation(CASE_INSENSITIVE);
    return (await query.lean()).map(withId);
  }

  private async countMatches(prefix: string): Promise<number> {
    const counts = (['username', 'email'] as const).map((lane) => {
      const conditions = laneConditions(lane, prefix);
      if (!conditions) return 0;
      const filter = { $and: conditions } as QueryFilter<User>;
      const collation = lane === 'username' ? { collation: CASE_INSENSITIVE } : {};
      return this.users.countDocuments(filter, collation);
    });
    return (await Promise.all(counts)).reduce((a, b) => a + b, 0);
  }

  /** What the database knows without looking, less the few that are being removed. */
  private async countAll(): Promise<number> {
    const [all, deleted] = await Promise.all([
      this.users.estimatedDocumentCount(),
      this.users.countDocuments({ deletedAt: { $gt: NEVER } }, { hint: 'deleted_accounts' }),
    ]);
    return Math.max(all - deleted, 0);
  }
}

/**
 * What holds of the accounts of a lane; null for one that can have none. Each range ends with what its comparison, by
 * collation or by code points, puts after every character.
 */
function laneConditions(lane: Lane, prefix: string): object[] | null {
  const isName = USERNAME_PREFIX.test(prefix);
  if (lane === 'username')
    return isName ? [{ username: { $gte: prefix, $lt: `${prefix}\uffff` } }, { deletedAt: null }] : null;
  // The letters, digits and underscores of such a prefix mean themselves in a pattern.
  const others = isName ? [{ username: { $not: new RegExp(`^${prefix}`, 'i') } }] : [];
  return [{ email: { $gte: prefix, $lt: `${prefix}\u{10ffff}` } }, { deletedAt: null }, ...others];
}

function placeOf(user: User, prefix: string): [Lane, string] {
  const isNamed = user.username.toLowerCase().startsWith(prefix);
  return isNamed ? ['username', user.username] : ['email', user.email];
}
