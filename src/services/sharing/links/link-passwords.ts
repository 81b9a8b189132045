import type { Passwords } from '../../../auth/passwords.ts';
import { AppError } from '../../../errors.ts';
import { AuditAction, AuditOutcome } from '../../../models/audit-event.ts';
import type { ObjectId } from '../../../models/object-id.ts';
import { comparablePassword } from '../../accounts/account-rules.ts';
import type { AuditTrail } from '../../audit/audit-trail.ts';
import { addressKey } from '../../limits/address-key.ts';
import type { RateLimits } from '../../limits/rate-limits.ts';

/** A link of whatever kind that may ask for a password. */
export interface GuardedLink {
  readonly _id: ObjectId;
  /** The owner of what it leads to, who is told of wrong passwords. */
  readonly userId: ObjectId;
  readonly passwordHash?: string | null | undefined;
}

/** A password as it was sent, and where it came from, by which wrong ones are counted. */
export interface GivenPassword {
  readonly password?: string | null | undefined;
  readonly ip?: string | null | undefined;
}

/** Asks for the passwords of links, and makes guessing them slow. */
export class LinkPasswords {
  private readonly passwords: Pick<Passwords, 'verify'>;
  private readonly limits: RateLimits;
  private readonly audit: Pick<AuditTrail, 'record'>;

  constructor(parts: {
    passwords: Pick<Passwords, 'verify'>;
    limits: RateLimits;
    audit: Pick<AuditTrail, 'record'>;
  }) {
    this.passwords = parts.passwords;
    this.limits = parts.limits;
    this.audit = parts.audit;
  }

  /**
   * Lets pass who has the password of the link, which is called `what` in errors: UNAUTHENTICATED without one, FORBIDDEN
   * with a wrong one, RATE_LIMITED after too many of those.
   */
  async require(link: GuardedLink, { password, ip }: GivenPassword, what: string): Promise<void> {
    if (password == null || password === '')
      throw new AppError('UNAUTHENTICATED', `This ${what} needs a password.`);
    const all = link._id.toHexString();
    const one = `${all} ${addressKey(ip)}`;
    // Both are spent before it is known, or many tries at once would all find something left.
    await this.limits.spend('link-password', one);
    await this.limits.spend('link-password-total', all);
    const comparable = comparablePassword(password);
    if (comparable === null || !(await this.passwords.verify(comparable, link.passwordHash ?? ''))) {
      await this.audit.record({
        action: AuditAction.SHARE_PASSWORD_FAILED,
        outcome: AuditOutcome.REFUSED,
        subject: link.userId,
        target: link._id,
      });
      throw new AppError('FORBIDDEN', `This is not the ${what}’s password.`);
    }
    await Promise.all([
      this.limits.giveBack('link-password', one),
      this.limits.giveBack('link-password-total', all),
    ]);
  }
}
