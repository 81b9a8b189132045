import { AppError } from '../../errors.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { CASE_INSENSITIVE, Role, type User } from '../../models/user.ts';
import { checkedEmail, checkedUsername, invalid } from '../accounts/account-rules.ts';
import type { NewAccount, NewAccounts } from '../accounts/new-accounts.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import { USABLE } from '../sessions/sessions.ts';
import { withId } from '../with-id.ts';

/** An account by its name, its address, or both. */
export interface NamedAccount {
  readonly username?: string | undefined;
  readonly email?: string | undefined;
}

/** Makes administrators where there may be none yet: for the command line. */
export class Appointments {
  private readonly users: Collections['users'];
  private readonly newAccounts: NewAccounts;
  private readonly audit: Pick<AuditTrail, 'record'>;

  constructor(users: Collections['users'], newAccounts: NewAccounts, audit: Pick<AuditTrail, 'record'>) {
    this.users = users;
    this.newAccounts = newAccounts;
    this.audit = audit;
  }

  /** Makes an account that administers the service, by the rules of every other, but without a session. */
  async createAdmin(input: NewAccount): Promise<User> {
    const _id = await this.newAccounts.add(input, Role.ADMIN);
    const details = { role: Role.ADMIN };
    await this.audit.record({ action: AuditAction.REGISTERED, subject: _id, details });
    return found(await this.users.findOne({ _id, ...USABLE }).lean());
  }

  /** Makes the account that has this username, this address, or both, an ADMIN; NOT_FOUND when none that is usable has. */
  async promote({ username, email }: NamedAccount): Promise<User> {
    if (username === undefined && email === undefined) throw invalid('username', 'Name the account.');
    const named = {
      ...(username !== undefined && { username: { $eq: checkedUsername(username) } }),
      ...(email !== undefined && { email: { $eq: checkedEmail(email) } }),
      ...USABLE,
    };
    // The index of addresses compares letter by letter.
    const collation = username === undefined ? {} : { collation: CASE_INSENSITIVE };
    const before = found(
      await this.users.findOneAndUpdate(named, { $set: { role: Role.ADMIN } }, collation).lean(),
    );
    if (before.role === Role.ADMIN) return before;
    const details = { from: before.role, to: Role.ADMIN };
    await this.audit.record({ action: AuditAction.ROLE_CHANGED, subject: before._id, details });
    return { ...before, role: Role.ADMIN };
  }
}

function found(user: Omit<User, 'id'> | null): User {
  if (!user) throw new AppError('NOT_FOUND', 'No usable account has this name and address.');
  return withId(user);
}
