import { recoveryCodeHash, stepOfCode } from '../../auth/one-time-codes.ts';
import type { SealedText } from '../../auth/sealed-text.ts';
import { AppError } from '../../errors.ts';
import { AuditAction, AuditOutcome } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import type { SecondFactor } from '../../models/second-factor.ts';
import type { User } from '../../models/user.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { RateLimits } from '../limits/rate-limits.ts';

/** What codes are checked with; the clock, in milliseconds, may be given. */
export interface SecondFactorParts {
  readonly users: Collections['users'];
  /** What the shared secrets are encrypted by. */
  readonly sealed: SealedText;
  readonly limits: RateLimits;
  readonly audit: AuditTrail;
  readonly now?: () => number;
}

/** An account as far as its second factor goes. */
export type FactoredAccount = Pick<User, '_id' | 'secondFactor'>;

type Confirmed = SecondFactor & { confirmedAt: Date };

/** Accepts codes of second factors, each once: of concurrent uses exactly one succeeds, on however many nodes. */
export class SecondFactorCheck {
  private readonly users: Collections['users'];
  private readonly sealed: SealedText;
  private readonly limits: RateLimits;
  private readonly audit: AuditTrail;
  private readonly now: () => number;

  constructor({ users, sealed, limits, audit, now = Date.now }: SecondFactorParts) {
    this.users = users;
    this.sealed = sealed;
    this.limits = limits;
    this.audit = audit;
    this.now = now;
  }

  /**
   * Lets a login pass whose password was right: false where the account needs no code, true once a right one is used
   * up. Rejects with UNAUTHENTICATED on the field `code`, or with RATE_LIMITED after too many wrong ones.
   */
  async requireForLogin(account: FactoredAccount, code: unknown): Promise<boolean> {
    if (!isConfirmed(account.secondFactor)) return false;
    if (code === undefined || code === null || code === '') {
      throw codeNeeded('This account needs a code of its second factor, or a recovery code.');
    }
    if (await this.accept(account, code)) return true;
    throw codeNeeded('The code is wrong, or was used before.');
  }

  /** Uses up a code of the account’s confirmed second factor or a recovery code; false for any that is not right. */
  async accept({ _id, secondFactor }: FactoredAccount, code: unknown): Promise<boolean> {
    if (!isConfirmed(secondFactor)) return false;
    const recovery = recoveryCodeHash(code);
    const accepted = recovery
      ? await this.useRecoveryCode(_id, secondFactor, recovery)
      : await this.useCode(_id, secondFactor, code);
    if (!accepted) {
      const outcome = AuditOutcome.REFUSED;
      await this.audit.record({ action: AuditAction.SECOND_FACTOR_FAILED, outcome, subject: _id });
    }
    return accepted;
  }

  /** The time step of a right code for a secret as it is stored; counts as a try. Null for a code that is not right. */
  async stepOf({ _id }: Pick<User, '_id'>, factor: SecondFactor, code: unknown): Promise<number | null> {
    // Before it is looked at, so that parallel tries are all counted.
    await this.limits.spend('second-factor', _id.toHexString());
    const secret = this.sealed.open(factor.secret, _id.toHexString());
    return secret && stepOfCode(secret.text, code, this.now());
  }

  /** Makes tries that failed count no more, once a code was right. */
  async forgetTries({ _id }: Pick<User, '_id'>): Promise<void> {
    await this.limits.forget('second-factor', _id.toHexString());
  }

  private async useCode(_id: User['_id'], factor: Confirmed, code: unknown): Promise<boolean> {
    const step = await this.stepOf({ _id }, factor, code);
    if (step === null) return false;
    // RFC 6238, 5.2: "The verifier MUST NOT accept the second attempt of the OTP after the successful validation has
    // been issued for the first OTP".
    const used = await this.users.updateOne(
      { ...standing(_id, factor), 'secondFactor.lastStep': { $lt: step } },
      { $set: { 'secondFactor.lastStep': step, ...this.resealed(_id, factor) } },
      { timestamps: false },
    );
    if (used.modifiedCount === 0) return false;
    await this.forgetTries({ _id });
    return true;
  }

  // Not limited: nobody guesses 100 bits, and so nobody who tries codes can shut the owner out who kept these.
  private async useRecoveryCode(_id: User['_id'], factor: Confirmed, hash: string): Promise<boolean> {
    const user = await this.users
      .findOneAndUpdate(
        { ...standing(_id, factor), 'secondFactor.recoveryCodes': hash },
        { $pull: { 'secondFactor.recoveryCodes': hash } },
        { returnDocument: 'after', timestamps: false, projection: { 'secondFactor.recoveryCodes': 1 } },
      )
      .lean();
    if (!user) return false;
    const left = user.secondFactor?.recoveryCodes.length ?? 0;
    await this.audit.record({
      action: AuditAction.RECOVERY_CODE_USED,
      by: { userId: _id },
      details: { left },
    });
    return true;
  }

  /** The secret under today’s key, where it was sealed with an older one: so that this one may be dropped some day. */
  private resealed(_id: User['_id'], { secret }: SecondFactor): { 'secondFactor.secret'?: string } {
    const opened = this.sealed.open(secret, _id.toHexString());
    if (!opened || opened.isCurrent) return {};
    return { 'secondFactor.secret': this.sealed.seal(opened.text, _id.toHexString()) };
  }
}

/** Whether logins need a code. */
export function isConfirmed(factor: SecondFactor | undefined): factor is Confirmed {
  return factor?.confirmedAt !== undefined;
}

/** The account with this very second factor, as a filter: another one is not used up by codes of this one. */
export const standing = (_id: User['_id'], factor: Confirmed) => ({
  _id,
  'secondFactor.confirmedAt': factor.confirmedAt,
});

function codeNeeded(message: string): AppError {
  return new AppError('UNAUTHENTICATED', message, { issues: [{ field: 'code', message }] });
}
