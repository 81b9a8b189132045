import type { Passwords } from '../../auth/passwords.ts';
import { AppError, hasCode } from '../../errors.ts';
import { AuditAction, AuditOutcome } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { Role, type User } from '../../models/user.ts';
import type { Administrators } from '../admin/administrators.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import { type Credentials, CredentialsCheck } from '../credentials/credentials.ts';
import type { LoginGuard } from '../credentials/login-guard.ts';
import type { SecondFactorCheck } from '../credentials/second-factor-check.ts';
import { addressKey } from '../limits/address-key.ts';
import { countedTry } from '../limits/counted-tries.ts';
import type { RateLimits } from '../limits/rate-limits.ts';
import { type SessionService, type SignedIn, USABLE } from '../sessions/sessions.ts';
import type { ClientFacts, Viewer } from '../viewer.ts';
import { checkedPassword, tombstone } from './account-rules.ts';
import type { NewAccount, NewAccounts } from './new-accounts.ts';
import { type ProfileChanges, Profiles, type Usage } from './profiles.ts';

/** What accounts are made of. */
export interface AccountServiceOptions {
  readonly collections: Pick<Collections, 'users' | 'files'>;
  readonly sessions: SessionService;
  readonly passwords: Passwords;
  readonly secondFactor: SecondFactorCheck;
  readonly audit: Pick<AuditTrail, 'record'>;
  readonly administrators: Pick<Administrators, 'withOneLeft'>;
  readonly newAccounts: NewAccounts;
  readonly limits: RateLimits;
  readonly guard: LoginGuard;
  /** Ends what runs for an account. */
  readonly ends?: { end(userId: ObjectId): void };
  /** Told of an account that somebody registered, before it is answered. */
  readonly onRegistered?: (userId: ObjectId) => Promise<void>;
  /** Told once an account is marked deleted; what it owned is still there, and the mark outlives a crash. */
  readonly onDeleted?: (userId: ObjectId) => void | Promise<void>;
}

/** Accounts: how they begin, who may act for them, and how they end. */
export class AccountService {
  private readonly users: Collections['users'];
  private readonly sessions: SessionService;
  private readonly passwords: Passwords;
  private readonly newAccounts: NewAccounts;
  private readonly limits: RateLimits;
  private readonly audit: AccountServiceOptions['audit'];
  private readonly administrators: AccountServiceOptions['administrators'];
  private readonly ends: AccountServiceOptions['ends'];
  private readonly onRegistered: AccountServiceOptions['onRegistered'];
  private readonly onDeleted: (userId: ObjectId) => void | Promise<void>;
  private readonly profiles: Profiles;
  private readonly credentials: CredentialsCheck;

  constructor(options: AccountServiceOptions) {
    this.users = options.collections.users;
    this.sessions = options.sessions;
    this.passwords = options.passwords;
    this.newAccounts = options.newAccounts;
    this.limits = options.limits;
    this.audit = options.audit;
    this.administrators = options.administrators;
    this.ends = options.ends;
    this.onRegistered = options.onRegistered;
    this.onDeleted = options.onDeleted ?? (() => {});
    this.profiles = new Profiles(options.collections);
    this.credentials = new CredentialsCheck(
      this.users,
      options.sessions,
      options.passwords,
      options.secondFactor,
      options.audit,
      options.guard,
    );
  }

  /** Makes an account and its first session; CONFLICT names the field that another account has. */
  async register(input: NewAccount, client: ClientFacts): Promise<SignedIn> {
    await this.limits.spend('register', addressKey(client.ip));
    const _id = await this.newAccounts.add(input, Role.USER);
    const tokens = await this.sessions.create({ _id }, client);
    await this.audit.record({
      action: AuditAction.REGISTERED,
      by: { userId: _id },
      target: tokens.sessionId,
    });
    await this.onRegistered?.(_id);
    return { user: await this.existing(_id), tokens };
  }

  /** Opens a session; whatever is wrong gives one and the same UNAUTHENTICATED, after the same work. */
  login(input: Credentials, client: ClientFacts): Promise<SignedIn> {
    return this.credentials.login(input, client);
  }

  /** The stored hash that the account’s password proved; else BAD_USER_INPUT on the field. */
  provePassword(userId: ObjectId, password: unknown, field: string): Promise<Pick<User, 'password'>> {
    return this.credentials.prove(userId, password, field);
  }

  /** Exchanges a refresh token for new tokens; see SessionService.refresh. */
  refresh(refreshToken: unknown): Promise<SignedIn> {
    return countedTry(this.limits, 'tokens', () => this.sessions.refresh(refreshToken));
  }

  /** Ends the viewer's session and its access tokens. */
  async logout(viewer: Viewer): Promise<void> {
    const target = sessionOf(viewer);
    await this.sessions.end({ _id: target, userId: viewer.userId });
    await this.audit.record({ action: AuditAction.LOGGED_OUT, by: viewer, target });
  }

  /** Ends every session of the viewer's, this one included; resolves with how many. */
  async logoutAll(viewer: Viewer): Promise<number> {
    const sessions = await this.sessions.revokeAll(viewer.userId);
    await this.audit.record({ action: AuditAction.LOGGED_OUT, by: viewer, details: { sessions } });
    return sessions;
  }

  /** Sets a new password and ends every other session; a wrong old one is BAD_USER_INPUT. */
  async changePassword(viewer: Viewer, oldPassword: unknown, newPassword: unknown): Promise<void> {
    const { userId } = viewer;
    const sessionId = sessionOf(viewer);
    const next = checkedPassword(newPassword, 'newPassword');
    const proved = await this.noting(AuditAction.PASSWORD_CHANGED, viewer, () =>
      this.credentials.prove(userId, oldPassword, 'oldPassword'),
    );
    const hash = await this.passwords.hash(next);
    // Before, so that a crash in between leaves no thief's session behind a changed password; and after, for a
    // login with the old password that got in between.
    await this.sessions.revokeAll(userId, sessionId);
    const changed = await this.users.updateOne(
      { _id: userId, password: { $eq: proved.password }, ...USABLE },
      { $set: { password: hash }, $unset: { passwordResetToken: 1, passwordResetExpires: 1 } },
    );
    await this.sessions.revokeAll(userId, sessionId);
    if (changed.matchedCount === 0) throw changedMeanwhile();
    await this.audit.record({ action: AuditAction.PASSWORD_CHANGED, by: viewer });
  }

  /** Ends the account for good: its names are free and its tokens dead at once, its files go soon after. */
  async deleteAccount(viewer: Viewer, password: unknown): Promise<void> {
    const { userId } = viewer;
    const proved = await this.noting(AuditAction.ACCOUNT_DELETED, viewer, () =>
      this.credentials.prove(userId, password, 'password'),
    );
    const gone = { isActive: false, deletedAt: new Date(), password: '!', firstName: null, lastName: null };
    const asProved = { _id: userId, role: viewer.role, password: { $eq: proved.password }, ...USABLE };
    const shut = () =>
      this.users.updateOne(asProved, {
        $set: { ...gone, ...tombstone(userId) },
        $unset: KEPT_FOR_ITS_OWNER,
      });
    const deleted = await (viewer.role === Role.ADMIN
      ? this.administrators.withOneLeft({ without: userId, by: userId }, shut)
      : shut());
    await this.sessions.revokeAll(userId);
    if (deleted.matchedCount === 0) throw changedMeanwhile();
    this.ends?.end(userId);
    await this.audit.record({ action: AuditAction.ACCOUNT_DELETED, by: viewer });
    await this.onDeleted(userId);
  }

  /** Shuts the account out: no login any more, and its sessions and access tokens end at once. */
  async deactivate(userId: ObjectId): Promise<void> {
    await this.users.updateOne({ _id: userId }, { $set: { isActive: false } });
    this.ends?.end(userId);
    await this.sessions.revokeAll(userId);
  }

  /** Changes the given fields of the viewer's profile, null clears a name; CONFLICT for a username that is taken. */
  updateProfile(viewer: Viewer, changes: ProfileChanges): Promise<User> {
    return this.profiles.update(viewer.userId, changes);
  }

  /** The account, or null when there is none or its owner deleted it. */
  find(userId: ObjectId): Promise<User | null> {
    return this.profiles.find(userId);
  }

  /** The accounts of the ids, in their order, null where there is none; one just deleted is there without its names. */
  findMany(ids: readonly string[]): Promise<(User | null)[]> {
    return this.profiles.findMany(ids);
  }

  /** What the account stores and may store; NOT_FOUND without an account. */
  usage(userId: ObjectId): Promise<Usage> {
    return this.profiles.usage(userId);
  }

  /** How many files the account has, the trash included. */
  countFiles(userId: ObjectId): Promise<number> {
    return this.profiles.countFiles(userId);
  }

  /** Notes the act as refused when what it needs first is. */
  private async noting<T>(action: AuditAction, by: Viewer, proof: () => Promise<T>): Promise<T> {
    try {
      return await proof();
    } catch (error) {
      if (hasCode(error, 'BAD_USER_INPUT')) {
        await this.audit.record({ action, outcome: AuditOutcome.REFUSED, by });
      }
      throw error;
    }
  }

  private async existing(userId: ObjectId): Promise<User> {
    const user = await this.find(userId);
    if (!user) throw new AppError('UNAUTHENTICATED', 'This account has ended.');
    return user;
  }
}

function sessionOf({ sessionId }: Viewer): ObjectId {
  if (!sessionId) throw new AppError('FORBIDDEN', 'This needs a session.');
  return sessionId;
}

// Nothing but what a job needs to remove the rest outlives the account’s end.
const KEPT_FOR_ITS_OWNER = { secondFactor: 1, avatarVersion: 1, lastLogin: 1 } as const;

const changedMeanwhile = () => new AppError('CONFLICT', 'The account changed meanwhile: try again.');
