import {
  newRecoveryCodes,
  newSharedSecret,
  otpauthUri,
  recoveryCodeHash,
} from '../../auth/one-time-codes.ts';
import type { SealedText } from '../../auth/sealed-text.ts';
import { AppError } from '../../errors.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';
import type { User } from '../../models/user.ts';
import { invalid } from '../accounts/account-rules.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import { type SessionService, USABLE } from '../sessions/sessions.ts';
import type { Viewer } from '../viewer.ts';
import { isConfirmed, type SecondFactorCheck, standing } from './second-factor-check.ts';

/** What an authenticator app needs, shown once. */
export interface SecondFactorSetup {
  /** Base32, to be typed. */
  readonly secret: string;
  /** `otpauth://…`, to be shown as a QR code. */
  readonly uri: string;
}

/** What the second factor’s service is made of. */
export interface SecondFactorServiceParts {
  readonly users: Collections['users'];
  readonly sessions: SessionService;
  readonly sealed: SealedText;
  readonly check: SecondFactorCheck;
  readonly audit: AuditTrail;
  /** The name that authenticator apps show beside the account’s. */
  readonly issuer: string;
  /** The stored hash that the password proved, as CredentialsCheck.prove. */
  readonly prove: (userId: ObjectId, password: unknown, field: string) => Promise<Pick<User, 'password'>>;
}

const RECOVERY_CODES = 10;

/** How an account gets a second factor, keeps it usable, and loses it. */
export class SecondFactorService {
  private readonly parts: SecondFactorServiceParts;

  constructor(parts: SecondFactorServiceParts) {
    this.parts = parts;
  }

  /** A new secret that counts once it is confirmed; replaces one that was not. CONFLICT while a second factor is on. */
  async begin(viewer: Viewer, password: unknown): Promise<SecondFactorSetup> {
    const { users, sealed, prove, issuer } = this.parts;
    const { userId } = viewer;
    const proved = await prove(userId, password, 'password');
    const secret = newSharedSecret();
    const pending = { secret: sealed.seal(secret, userId.toHexString()), lastStep: 0, recoveryCodes: [] };
    const user = await users
      .findOneAndUpdate(
        { _id: userId, ...USABLE, password: { $eq: proved.password }, 'secondFactor.confirmedAt': null },
        { $set: { secondFactor: pending } },
        { projection: { username: 1 } },
      )
      .lean();
    if (!user) throw new AppError('CONFLICT', 'A second factor is on already: switch it off first.');
    return { secret, uri: otpauthUri(secret, issuer, user.username) };
  }

  /** Switches the begun second factor on and ends every other session; resolves with the recovery codes, shown once. */
  async confirm(viewer: Viewer, code: unknown): Promise<string[]> {
    const { users, sessions, check, audit } = this.parts;
    const { userId } = viewer;
    const account = await this.account(userId);
    const factor = account.secondFactor;
    if (!factor || isConfirmed(factor)) throw nothingBegun();
    const step = await check.stepOf(account, factor, code);
    if (step === null) throw wrongCode();
    await check.forgetTries(account);

    const codes = newRecoveryCodes(RECOVERY_CODES);
    const confirmed = { confirmedAt: new Date(), lastStep: step, recoveryCodes: hashesOf(codes) };
    // Before, so that a crash in between leaves no session that never gave a code; and after, for a login without one
    // that got in between.
    const current = viewer.sessionId ?? undefined;
    await sessions.revokeAll(userId, current);
    const { modifiedCount } = await users.updateOne(
      {
        _id: userId,
        ...USABLE,
        'secondFactor.secret': { $eq: factor.secret },
        'secondFactor.confirmedAt': null,
      },
      { $set: { secondFactor: { secret: factor.secret, ...confirmed } } },
    );
    await sessions.revokeAll(userId, current);
    if (modifiedCount === 0) throw nothingBegun();
    await audit.record({ action: AuditAction.SECOND_FACTOR_ENABLED, by: viewer });
    return codes;
  }

  /** Switches the second factor off; a code that is not right is BAD_USER_INPUT, CONFLICT where none is on. */
  async disable(viewer: Viewer, password: unknown, code: unknown): Promise<void> {
    const account = await this.proved(viewer, password, code);
    const { modifiedCount } = await this.parts.users.updateOne(account, { $unset: { secondFactor: 1 } });
    if (modifiedCount === 0) throw isOff();
    await this.parts.audit.record({ action: AuditAction.SECOND_FACTOR_DISABLED, by: viewer });
  }

  /** New recovery codes, shown once; the old ones end. Refused as `disable` is. */
  async renewRecoveryCodes(viewer: Viewer, password: unknown, code: unknown): Promise<string[]> {
    const account = await this.proved(viewer, password, code);
    const codes = newRecoveryCodes(RECOVERY_CODES);
    const { modifiedCount } = await this.parts.users.updateOne(account, {
      $set: { 'secondFactor.recoveryCodes': hashesOf(codes) },
    });
    if (modifiedCount === 0) throw isOff();
    await this.parts.audit.record({ action: AuditAction.RECOVERY_CODES_RENEWED, by: viewer });
    return codes;
  }

  /** For an administrator: switches another account’s second factor off; false when none was on. NOT_FOUND without the account. */
  async reset(viewer: Viewer, id: unknown): Promise<boolean> {
    const _id = parseId(id);
    // Whoever took over an administrator’s session must not get past its second factor with it.
    if (_id?.equals(viewer.userId)) {
      throw new AppError('FORBIDDEN', 'Switch your own second factor off with `disableSecondFactor`.');
    }
    const before =
      _id &&
      (await this.parts.users
        .findOneAndUpdate(
          { _id, deletedAt: null },
          { $unset: { secondFactor: 1 } },
          { projection: { secondFactor: 1 } },
        )
        .lean());
    if (!before) throw new AppError('NOT_FOUND', 'There is no such account.');
    if (!isConfirmed(before.secondFactor)) return false;
    await this.parts.audit.record({
      action: AuditAction.SECOND_FACTOR_DISABLED,
      by: viewer,
      subject: before._id,
    });
    return true;
  }

  /** Which of the accounts have a second factor on, in the order of their ids. */
  async areOn(ids: readonly string[]): Promise<boolean[]> {
    const on = await this.parts.users
      .find({ _id: { $in: ids }, 'secondFactor.confirmedAt': { $ne: null } }, { _id: 1 })
      .lean();
    const found = new Set(on.map(({ _id }) => _id.toHexString()));
    return ids.map((id) => found.has(id));
  }

  /** The account with the factor that a right password and a right code were given for, as a filter. */
  private async proved({ userId }: Viewer, password: unknown, code: unknown) {
    const { prove, check } = this.parts;
    const { password: hash } = await prove(userId, password, 'password');
    const account = await this.account(userId);
    if (!isConfirmed(account.secondFactor)) throw isOff();
    if (!(await check.accept(account, code))) throw wrongCode();
    return { ...standing(userId, account.secondFactor), ...USABLE, password: { $eq: hash } };
  }

  private async account(userId: ObjectId): Promise<Pick<User, '_id' | 'secondFactor'>> {
    const user = await this.parts.users.findOne({ _id: userId, ...USABLE }, { secondFactor: 1 }).lean();
    if (!user) throw new AppError('UNAUTHENTICATED', 'This account has ended.');
    return user;
  }
}

const hashesOf = (codes: readonly string[]) => codes.map((code) => recoveryCodeHash(code) ?? '');

const wrongCode = () => invalid('code', 'The code is wrong, or was used before.');
const isOff = () => new AppError('CONFLICT', 'No second factor is on.');
const nothingBegun = () =>
  new AppError('CONFLICT', 'There is nothing to confirm: begin with `beginSecondFactor`.');
