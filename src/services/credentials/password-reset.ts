import { mailedTokenHash, newMailedToken } from '../../auth/mailed-tokens.ts';
import type { Passwords } from '../../auth/passwords.ts';
import { hasCode } from '../../errors.ts';
import { passwordResetLetter } from '../../mail/letters.ts';
import { AuditAction, AuditOutcome } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { MailedTokenUse } from '../../models/outbox-mail.ts';
import { checkedPassword, EMAIL_LENGTH } from '../accounts/account-rules.ts';
import { addressKey } from '../limits/address-key.ts';
import { countedTry } from '../limits/counted-tries.ts';
import type { Afterwards } from '../mail/afterwards.ts';
import { currentRequest } from '../request-facts.ts';
import type { ApiKeyService } from '../sessions/api-keys.ts';
import { USABLE } from '../sessions/sessions.ts';
import { type MailedTokenParts, tokenRefused } from './email-verification.ts';

const LIFETIME_MS = 10 * 60 * 1000;
const USED = {
  passwordResetToken: 1,
  passwordResetExpires: 1,
  emailVerificationToken: 1,
  emailVerificationExpires: 1,
} as const;

/** What a reset needs besides. */
export interface PasswordResetParts extends MailedTokenParts {
  readonly passwords: Passwords;
  readonly afterwards: Afterwards;
  readonly apiKeys: Pick<ApiKeyService, 'revokeAll'>;
}

/** The way back in for who forgot the password: a mailed token that works once, within 10 minutes. */
export class PasswordReset {
  private readonly parts: MailedTokenParts;
  private readonly users: Collections['users'];
  private readonly passwords: Passwords;
  private readonly afterwards: Afterwards;
  private readonly underWay = new Map<string, Promise<unknown>>();
  private readonly apiKeys: Pick<ApiKeyService, 'revokeAll'>;

  constructor(parts: PasswordResetParts) {
    const { passwords, afterwards, apiKeys } = parts;
    this.parts = parts;
    this.users = parts.collections.users;
    this.passwords = passwords;
    this.afterwards = afterwards;
    this.apiKeys = apiKeys;
  }

  /**
   * Mails a token to the account of this address, if there is one that may have it, after it has resolved: nobody is
   * told whether it did. RATE_LIMITED where one address asks for many, whomever for.
   */
  async ask(email: unknown): Promise<void> {
    const request = currentRequest();
    if (request) await this.parts.limits.spend('forgot', addressKey(request.ip));
    const address = typeof email === 'string' ? email.trim().toLowerCase() : '';
    if (address === '' || address.length > EMAIL_LENGTH) return;
    this.afterwards.do(() => this.mail(address));
  }

  /**
   * Sets a new password and ends every session of the account; of several uses of a token exactly one succeeds, all
   * others are BAD_USER_INPUT. Whoever has the token receives the account’s mail, so its address is verified by it.
   */
  async reset(text: unknown, newPassword: unknown): Promise<void> {
    const password = checkedPassword(newPassword, 'newPassword');
    const { limits, audit } = this.parts;
    const userId = await countedTry(limits, 'tokens', () => this.useAlone(text, password));
    await audit.record({ action: AuditAction.PASSWORD_RESET, subject: userId });
  }

  /** One use of a token after the other, so that only the first makes a hash; between nodes the database decides. */
  private useAlone(text: unknown, password: string): Promise<ObjectId> {
    const hash = mailedTokenHash(text);
    if (!hash) return Promise.reject(tokenRefused());
    const before = this.underWay.get(hash);
    const use = before
      ? before.then(
          () => this.use(hash, password),
          () => this.use(hash, password),
        )
      : this.use(hash, password);
    this.underWay.set(hash, use);
    return use.finally(() => {
      if (this.underWay.get(hash) === use) this.underWay.delete(hash);
    });
  }

  private async use(passwordResetToken: string, password: string): Promise<ObjectId> {
    const holds = () => ({ passwordResetToken, passwordResetExpires: { $gt: new Date() }, ...USABLE });
    // Asked first, since a hash is too dear for who just guesses.
    const owner = await this.users.findOne(holds(), { _id: 1, isEmailVerified: 1 }).lean();
    if (!owner) throw tokenRefused();
    const hash = await this.passwords.hash(password);
    const { sessions } = this.parts;
    const endAll = async () => {
      await sessions.revokeAll(owner._id);
      // Nobody has proved yet to own the address: who made the account may be somebody else, and may hold keys.
      if (!owner.isEmailVerified) await this.apiKeys.revokeAll(owner._id);
    };
    // Before, so that a crash in between leaves no thief’s session behind a new password; and after, for a login with
    // the old one that got in between.
    await endAll();
    const changed = await this.users.updateOne(
      { _id: owner._id, ...holds() },
      {
        $set: { password: hash, isEmailVerified: true },
        // Its second factor would keep out who owns the address.
        $unset: { ...USED, ...(!owner.isEmailVerified && { secondFactor: '' as const }) },
      },
    );
    await endAll();
    if (changed.matchedCount === 0) throw tokenRefused();
    return owner._id;
  }

  private async mail(email: string): Promise<void> {
    const { outbox, links, limits, audit } = this.parts;
    const found = await this.users.findOne({ email: { $eq: email }, ...USABLE }, { _id: 1 }).lean();
    if (!found) return;
    const act = { action: AuditAction.PASSWORD_RESET_ASKED, subject: found._id };
    try {
      await limits.spend('mail', found._id.toHexString());
    } catch (error) {
      if (!hasCode(error, 'RATE_LIMITED')) throw error;
      await audit.record({ ...act, outcome: AuditOutcome.REFUSED });
      return;
    }
    const token = newMailedToken();
    const expires = new Date(Date.now() + LIFETIME_MS);
    const user = await this.users
      .findOneAndUpdate(
        { _id: found._id, email: { $eq: email }, ...USABLE },
        { $set: { passwordResetToken: token.hash, passwordResetExpires: expires } },
        { timestamps: false, projection: { username: 1 } },
      )
      .lean();
    if (!user) return;
    await outbox.post({
      userId: user._id,
      to: email,
      letter: passwordResetLetter(user.username, links.passwordReset(token.text)),
      uselessAfter: expires,
      token: { use: MailedTokenUse.PASSWORD_RESET, hash: token.hash },
    });
    await audit.record(act);
  }
}
