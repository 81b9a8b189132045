import { mailedTokenHash, newMailedToken } from '../../auth/mailed-tokens.ts';
import { AppError } from '../../errors.ts';
import { verificationLetter } from '../../mail/letters.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { MailedTokenUse } from '../../models/outbox-mail.ts';
import type { User } from '../../models/user.ts';
import { invalid } from '../accounts/account-rules.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import { countedTry } from '../limits/counted-tries.ts';
import type { RateLimits } from '../limits/rate-limits.ts';
import type { MailLinks } from '../mail/mail-links.ts';
import type { Outbox } from '../mail/outbox.ts';
import { type SessionService, USABLE } from '../sessions/sessions.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';

/** What mailed tokens are made, sent and taken back by. */
export interface MailedTokenParts {
  readonly collections: Pick<Collections, 'users'>;
  readonly sessions: SessionService;
  readonly outbox: Outbox;
  readonly links: MailLinks;
  readonly limits: RateLimits;
  readonly audit: AuditTrail;
}

const LIFETIME_MS = 24 * 60 * 60 * 1000;

/** Proof that an account’s owner receives mail at its address: a mailed token that works once, within 24 hours. */
export class EmailVerification {
  private readonly parts: MailedTokenParts;
  private readonly users: Collections['users'];

  constructor(parts: MailedTokenParts) {
    this.parts = parts;
    this.users = parts.collections.users;
  }

  /** Puts a new token into the outbox; those mailed before are worth nothing from now on. */
  async mail(userId: ObjectId): Promise<void> {
    const token = newMailedToken();
    const expires = new Date(Date.now() + LIFETIME_MS);
    const user = await this.users
      .findOneAndUpdate(
        { _id: userId, isEmailVerified: false, ...USABLE },
        { $set: { emailVerificationToken: token.hash, emailVerificationExpires: expires } },
        { timestamps: false, projection: { username: 1, email: 1 } },
      )
      .lean();
    if (!user) return;
    const { outbox, links } = this.parts;
    await outbox.post({
      userId,
      to: user.email,
      letter: verificationLetter(user.username, links.verification(token.text)),
      uselessAfter: expires,
      token: { use: MailedTokenUse.VERIFICATION, hash: token.hash },
    });
  }

  /** Mails a new token; false where the address is verified already, RATE_LIMITED after too many mails. */
  async resend(viewer: Viewer): Promise<boolean> {
    const { userId } = viewer;
    if (!(await this.users.exists({ _id: userId, isEmailVerified: false, ...USABLE }))) return false;
    await this.parts.limits.spend('mail', userId.toHexString());
    await this.mail(userId);
    return true;
  }

  /** Uses the token up and resolves with its account, now verified; else BAD_USER_INPUT, or RATE_LIMITED after many. */
  async verify(text: unknown): Promise<User> {
    const { sessions, limits, audit } = this.parts;
    const user = await countedTry(limits, 'tokens', () => this.use(text));
    // What its sessions may do has grown.
    sessions.forgetUser(user._id);
    await audit.record({ action: AuditAction.EMAIL_VERIFIED, subject: user._id });
    return user;
  }

  private async use(text: unknown): Promise<User> {
    const hash = mailedTokenHash(text);
    if (!hash) throw tokenRefused();
    const user = await this.users
      .findOneAndUpdate(
        { emailVerificationToken: hash, emailVerificationExpires: { $gt: new Date() }, ...USABLE },
        {
          $set: { isEmailVerified: true },
          $unset: { emailVerificationToken: 1, emailVerificationExpires: 1 },
        },
        { returnDocument: 'after' },
      )
      .lean();
    if (!user) throw tokenRefused();
    return withId(user);
  }
}

/** One answer for a token that was used, has expired, was replaced, was another account’s or never was one. */
export function tokenRefused(): AppError {
  return invalid('token', 'This link is not valid any more: ask for a new one.');
}
