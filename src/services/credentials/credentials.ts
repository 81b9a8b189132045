import type { Passwords } from '../../auth/passwords.ts';
import { AppError } from '../../errors.ts';
import { AuditAction, AuditOutcome } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { CASE_INSENSITIVE, type User } from '../../models/user.ts';
import { comparablePassword, EMAIL_LENGTH, invalid, USERNAME } from '../accounts/account-rules.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import { currentRequest } from '../request-facts.ts';
import { type SessionService, type SignedIn, USABLE } from '../sessions/sessions.ts';
import type { ClientFacts } from '../viewer.ts';
import { withId } from '../with-id.ts';
import type { LoginGuard } from './login-guard.ts';
import type { SecondFactorCheck } from './second-factor-check.ts';

/** Credentials as a client sent them. */
export interface Credentials {
  readonly emailOrUsername: string;
  readonly password: string;
  /** Of the second factor, where the account has one. */
  readonly code?: string | null | undefined;
}

/** What the tries of one login share. */
interface LoginTries {
  readonly client: ClientFacts;
  /** What is to be called once the password was right. */
  passed: (() => Promise<void>) | undefined;
  readonly code: unknown;
  codeIsUsed: boolean;
}

/** Checks what people prove themselves with. */
export class CredentialsCheck {
  private readonly users: Collections['users'];
  private readonly sessions: SessionService;
  private readonly passwords: Passwords;
  private readonly secondFactor: SecondFactorCheck;
  private readonly audit: Pick<AuditTrail, 'record'>;
  private readonly guard: LoginGuard;

  constructor(
    users: Collections['users'],
    sessions: SessionService,
    passwords: Passwords,
    secondFactor: SecondFactorCheck,
    audit: Pick<AuditTrail, 'record'>,
    guard: LoginGuard,
  ) {
    this.users = users;
    this.sessions = sessions;
    this.passwords = passwords;
    this.secondFactor = secondFactor;
    this.audit = audit;
    this.guard = guard;
  }

  /**
   * Opens a session; whatever is wrong gives one and the same UNAUTHENTICATED, after the same work. Only who has the
   * password learns that a code is needed, by UNAUTHENTICATED on the field `code`.
   */
  async login({ emailOrUsername, password, code }: Credentials, client: ClientFacts): Promise<SignedIn> {
    const comparable = comparablePassword(password);
    if (comparable === null) throw await this.refused(null, 'unknown');
    const named = await this.findByName(emailOrUsername);
    const attempt = { userId: named?._id ?? null, name: emailOrUsername, ip: client.ip };
    const passed = await this.guard.admit(attempt);
    const login: LoginTries = { client, passed, code, codeIsUsed: false };
    // Twice, since another login may replace an old hash by a new one while this one checks the old.
    const signedIn =
      (await this.tryLogin(emailOrUsername, comparable, login)) ??
      (await this.tryLogin(emailOrUsername, comparable, login));
    if (!signedIn) throw wrongCredentials();
    return signedIn;
  }

  /** The stored hash that the password proved, for a change that holds only while it is still stored; else BAD_USER_INPUT. */
  async prove(userId: ObjectId, password: unknown, field: string): Promise<Pick<User, 'password'>> {
    const comparable = comparablePassword(password);
    const passed = await this.guard.admit({ userId, name: null, ip: currentRequest()?.ip ?? null });
    const found = await this.users.findOne({ _id: userId, ...USABLE }, { password: 1 }).lean();
    if (!found) throw new AppError('UNAUTHENTICATED', 'This account has ended.');
    if (comparable !== null && (await this.passwords.verify(comparable, found.password))) {
      await passed();
      return found;
    }
    throw invalid(field, 'This is not the account’s password.');
  }

  private async tryLogin(name: unknown, password: string, login: LoginTries): Promise<SignedIn | null> {
    const found = await this.findByName(name);
    const isRight = found
      ? await this.passwords.verify(password, found.password)
      : await this.passwords.verifyAgainstNothing(password);
    if (!found) throw await this.refused(null, 'unknown');
    if (!isRight) throw await this.refused(found._id, 'password');
    if (!found.isActive || found.deletedAt) throw await this.refused(found._id, 'inactive');
    // Whatever becomes of the code, the password was no guess. Both are told once: a code works only once.
    await login.passed?.();
    login.passed = undefined;
    login.codeIsUsed ||= await this.secondFactor.requireForLogin(found, login.code);

    const isOld = this.passwords.needsRehash(found.password);
    const rehash = isOld ? { password: await this.passwords.hash(password) } : {};
    const tokens = await this.sessions.create(found, login.client);
    // The account is asked again after the session exists: whoever changes the password, switches a second factor on or
    // deactivates the account ends the sessions after that change, so one of both sees the other.
    const user = await this.users
      .findOneAndUpdate(
        {
          _id: found._id,
          password: { $eq: found.password },
          'secondFactor.confirmedAt': found.secondFactor?.confirmedAt ?? null,
          ...USABLE,
        },
        { $set: { lastLogin: new Date(), ...rehash } },
        { returnDocument: 'after', timestamps: false },
      )
      .lean();
    if (user) {
      const act = { action: AuditAction.LOGGED_IN, by: { userId: user._id }, target: tokens.sessionId };
      await this.audit.record(act);
      return { user: withId(user), tokens };
    }
    await this.sessions.end({ _id: tokens.sessionId, userId: found._id });
    return null;
  }

  // What was given for a name is never noted: people type their passwords into that field.
  private async refused(subject: ObjectId | null, reason: string): Promise<AppError> {
    const outcome = AuditOutcome.REFUSED;
    await this.audit.record({ action: AuditAction.LOGIN_FAILED, outcome, subject, details: { reason } });
    return wrongCredentials();
  }

  private async findByName(value: unknown) {
    const name = typeof value === 'string' ? value.trim() : '';
    if (name === '' || name.length > EMAIL_LENGTH) return null;
    // No username has an @, every email address does.
    const isAddress = name.includes('@');
    // The collation finds more than the letters of a name: what none can be is not asked for.
    if (!isAddress && !USERNAME.test(name)) return null;
    const query = isAddress
      ? this.users.findOne({ email: { $eq: name.toLowerCase() } })
      : this.users.findOne({ username: { $eq: name } }).collation(CASE_INSENSITIVE);
    return query.select({ _id: 1, password: 1, isActive: 1, deletedAt: 1, secondFactor: 1 }).lean();
  }
}

const wrongCredentials = () => new AppError('UNAUTHENTICATED', 'The name or the password is wrong.');
