import { AppError } from '../../../errors.ts';
import type { Collections } from '../../../models/collections.ts';
import { type ObjectId, parseId } from '../../../models/object-id.ts';
import { CASE_INSENSITIVE } from '../../../models/user.ts';
import { EMAIL_LENGTH, USERNAME } from '../../accounts/account-rules.ts';
import type { RateLimits } from '../../limits/rate-limits.ts';
import { USABLE } from '../../sessions/sessions.ts';
import type { Viewer } from '../../viewer.ts';

/** How somebody names the person to share with: exactly one of the two. */
export interface GranteeName {
  /** A username, or an email address. */
  readonly user?: string | null | undefined;
  readonly userId?: string | null | undefined;
}

// Names are shown to whoever meets their owners, addresses are not: who asks for addresses gets as far as who tries to
// register with them, whatever the answers are.
const POINTS_FOR_ADDRESS = 15;

/** Finds the people that others share with. */
export class Grantees {
  private readonly users: Collections['users'];
  private readonly limits: RateLimits;

  constructor(users: Collections['users'], limits: RateLimits) {
    this.users = users;
    this.limits = limits;
  }

  /**
   * The account that is meant. One and the same NOT_FOUND for an account that is not there, for one that is shut out,
   * and for an address that its account has not verified; BAD_USER_INPUT unless exactly one name is given.
   */
  async find({ userId: by }: Viewer, { user, userId }: GranteeName): Promise<ObjectId> {
    if ((user == null) === (userId == null)) throw oneName();
    const isAddress = user?.includes('@') ?? false;
    await this.limits.spend('sharing', by.toHexString(), isAddress ? POINTS_FOR_ADDRESS : 1);
    const found = user == null ? await this.byId(userId) : await this.byName(user.trim(), isAddress);
    if (!found) throw new AppError('NOT_FOUND', 'There is nobody of this name to share with.');
    return found._id;
  }

  private async byId(text: unknown) {
    const _id = parseId(text);
    return _id && this.users.findOne({ _id, ...USABLE }, { _id: 1 }).lean();
  }

  private async byName(name: string, isAddress: boolean) {
    if (isAddress) {
      if (name.length > EMAIL_LENGTH) return null;
      // Anybody can register with anybody’s address, and would be given what was meant for its owner.
      const verified = { email: { $eq: name.toLowerCase() }, isEmailVerified: true, ...USABLE };
      return this.users.findOne(verified, { _id: 1 }).lean();
    }
    // The collation finds more than the letters of a name: what none can be is not asked for.
    if (!USERNAME.test(name)) return null;
    return this.users
      .findOne({ username: { $eq: name }, ...USABLE }, { _id: 1 })
      .collation(CASE_INSENSITIVE)
      .lean();
  }
}

function oneName(): AppError {
  const message = 'Name the person by `user` or by `userId`.';
  return new AppError('BAD_USER_INPUT', message, { issues: [{ field: 'input.user', message }] });
}
