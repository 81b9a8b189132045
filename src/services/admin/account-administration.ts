import { AppError } from '../../errors.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';
import { Role, type User } from '../../models/user.ts';
import { invalid } from '../accounts/account-rules.ts';
import type { AccountService } from '../accounts/accounts.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { SessionService } from '../sessions/sessions.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import type { Administrators } from './administrators.ts';

/** What administration is done with. */
export interface AdministrationParts {
  readonly users: Collections['users'];
  readonly accounts: Pick<AccountService, 'deactivate'>;
  readonly sessions: Pick<SessionService, 'forgetUser'>;
  readonly administrators: Pick<Administrators, 'withOneLeft'>;
  readonly audit: Pick<AuditTrail, 'record'>;
}

type Details = NonNullable<Parameters<AuditTrail['record']>[0]['details']>;

/** What administrators do with the accounts of others. Every change that changes something is noted in the trail. */
export class AccountAdministration {
  private readonly parts: AdministrationParts;

  constructor(parts: AdministrationParts) {
    this.parts = parts;
  }

  /** The account, or null when there is none or its owner deleted it. */
  async find(id: string): Promise<User | null> {
    const _id = parseId(id);
    const user = _id && (await this.parts.users.findOne({ _id, deletedAt: null }).lean());
    return user && withId(user);
  }

  /** Shuts the account out, with everything that runs for it, or lets it in again; CONFLICT for the last administrator. */
  async setActive(viewer: Viewer, id: string, isActive: boolean): Promise<User> {
    const { accounts } = this.parts;
    const user = await this.existing(id);
    if (user.isActive === isActive) {
      // Whoever asks again may do so because the first time was cut short.
      if (!isActive) await accounts.deactivate(user._id);
      return user;
    }
    if (isActive) {
      await this.change(user, { isActive: false }, { isActive: true });
    } else {
      const asKnown = { isActive: true, role: user.role };
      await this.lessen(viewer, user, () => this.change(user, asKnown, { isActive: false }));
      await accounts.deactivate(user._id);
    }
    const action = isActive ? AuditAction.ACCOUNT_ACTIVATED : AuditAction.ACCOUNT_DEACTIVATED;
    return this.done(viewer, user._id, action, null);
  }

  /** Sets what the account may do beyond its own files; CONFLICT for the last administrator. */
  async setRole(viewer: Viewer, id: string, role: Role): Promise<User> {
    const user = await this.existing(id);
    if (user.role === role) return user;
    const asKnown = { role: user.role, isActive: user.isActive };
    const set = () => this.change(user, asKnown, { role });
    await (role === Role.ADMIN ? set() : this.lessen(viewer, user, set));
    // What its sessions may do is remembered for a moment.
    this.parts.sessions.forgetUser(user._id);
    return this.done(viewer, user._id, AuditAction.ROLE_CHANGED, { from: user.role, to: role });
  }

  /** Sets the most bytes the account may use, null for unlimited; less than it uses stops new uploads alone. */
  async setQuota(viewer: Viewer, id: string, quotaBytes: number | null): Promise<User> {
    if (quotaBytes !== null && !(Number.isSafeInteger(quotaBytes) && quotaBytes >= 0)) {
      throw invalid('quotaBytes', 'A quota is a whole number of bytes, 0 or more, or null for none.');
    }
    const { _id, quotaBytes: from = null } = await this.existing(id);
    if (from === quotaBytes) return this.existing(id);
    await this.change({ _id }, {}, { quotaBytes });
    return this.done(viewer, _id, AuditAction.QUOTA_CHANGED, { from, to: quotaBytes });
  }

  /** Does what may take an administrator away. */
  private lessen<T>(viewer: Viewer, user: User, work: () => Promise<T>): Promise<T> {
    if (user.role !== Role.ADMIN || !user.isActive) return work();
    return this.parts.administrators.withOneLeft({ without: user._id, by: viewer.userId }, work);
  }

  /** Changes the account if it still is as it was known; what was decided by that would not hold otherwise. */
  private async change({ _id }: Pick<User, '_id'>, asKnown: object, set: object): Promise<void> {
    const filter = { _id, deletedAt: null, ...asKnown };
    const { matchedCount } = await this.parts.users.updateOne(filter, { $set: set });
    if (matchedCount === 0) throw new AppError('CONFLICT', 'The account changed meanwhile: try again.');
  }

  private async done(
    by: Viewer,
    subject: ObjectId,
    action: AuditAction,
    details: Details | null,
  ): Promise<User> {
    await this.parts.audit.record({ action, by, subject, ...(details && { details }) });
    return this.existing(subject.toHexString());
  }

  private async existing(id: string): Promise<User> {
    const user = await this.find(id);
    if (!user) throw new AppError('NOT_FOUND', 'There is no such account.');
    return user;
  }
}
