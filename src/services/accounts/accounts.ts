import type { Passwords } from '../../auth/passwords.ts';
import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { CASE_INSENSITIVE, Role, type User } from '../../models/user.ts';
import type { ClientFacts, Viewer } from '../viewer.ts';
import {
  checkedEmail,
  checkedName,
  checkedPassword,
  checkedUsername,
  invalid,
  taken,
  takenOr,
  tombstone,
} from './account-rules.ts';
import { type Credentials, CredentialsCheck } from './credentials.ts';
import { type ProfileChanges, Profiles, type Usage } from './profiles.ts';
import { type SessionService, type SignedIn, USABLE } from './sessions.ts';

/** What accounts are made of. */
export interface AccountServiceOptions {
  readonly collections: Pick<Collections, 'users' | 'files'>;
  readonly sessions: SessionService;
  readonly passwords: Passwords;
  /** Bytes a new account may use; null is unlimited. */
  readonly defaultQuotaBytes: number | null;
  /** Told once an account is marked deleted; what it owned is still there, and the mark outlives a crash. */
  readonly onDeleted?: (userId: ObjectId) => void | Promise<void>;
}

/** What a new account is made from, as a client sent it. */
export interface NewAccount {
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly firstName?: string | null | undefined;
  readonly lastName?: string | null | undefined;
}

/** Accounts: how they begin, who may act for them, and how they end. */
export class AccountService {
  private readonly users: Collections['users'];
  private readonly sessions: SessionService;
  private readonly passwords: Passwords;
  private readonly defaultQuotaBytes: number | null;
  private readonly onDeleted: (userId: ObjectId) => void | Promise<void>;
  private readonly profiles: Profiles;
  private readonly credentials: CredentialsCheck;

  constructor(options: AccountServiceOptions) {
    this.users = options.collections.users;
    this.sessions = options.sessions;
    this.passwords = options.passwords;
    this.defaultQuotaBytes = options.defaultQuotaBytes;
    this.onDeleted = options.onDeleted ?? (() => {});
    this.profiles = new Profiles(options.collections);
    this.credentials = new CredentialsCheck(this.users, options.sessions, options.passwords);
  }

  /** Makes an account and its first session; CONFLICT names the field that another account has. */
  async register(input: NewAccount, client: ClientFacts): Promise<SignedIn> {
    const _id = await this.add(input, Role.USER);
    const tokens = await this.sessions.create({ _id }, client);
    return { user: await this.existing(_id), tokens };
  }

  /** Makes an account that administers the service, by the rules of `register` but without a session. */
  async createAdmin(input: NewAccount): Promise<User> {
    return this.existing(await this.add(input, Role.ADMIN));
  }

  /** Makes the account that has this username, this address, or both, an ADMIN; NOT_FOUND when none that is usable has. */
  async promote({
    username,
    email,
  }: {
    username?: string | undefined;
    email?: string | undefined;
  }): Promise<User> {
    if (username === undefined && email === undefined) throw invalid('username', 'Name the account.');
    const found = await this.users
      .findOneAndUpdate(
        {
          ...(username !== undefined && { username: { $eq: checkedUsername(username) } }),
          ...(email !== undefined && { email: { $eq: checkedEmail(email) } }),
          ...USABLE,
        },
        { $set: { role: Role.ADMIN } },
        // The index of addresses compares letter by letter.
        username === undefined ? {} : { collation: CASE_INSENSITIVE },
      )
      .lean();
    if (!found) throw new AppError('NOT_FOUND', 'No usable account has this name and address.');
    return this.existing(found._id);
  }

  /** Opens a session; whatever is wrong gives one and the same UNAUTHENTICATED, after the same work. */
  login(input: Credentials, client: ClientFacts): Promise<SignedIn> {
    return this.credentials.login(input, client);
  }

  /** Exchanges a refresh token for new tokens; see SessionService.refresh. */
  refresh(refreshToken: unknown): Promise<SignedIn> {
    return this.sessions.refresh(refreshToken);
  }

  /** Ends the viewer's session and its access tokens. */
  logout(viewer: Viewer): Promise<void> {
    return this.sessions.end({ _id: sessionOf(viewer), userId: viewer.userId });
  }

  /** Ends every session of the viewer's, this one included; resolves with how many. */
  logoutAll(viewer: Viewer): Promise<number> {
    return this.sessions.revokeAll(viewer.userId);
  }

  /** Sets a new password and ends every other session; a wrong old one is BAD_USER_INPUT. */
  async changePassword(viewer: Viewer, oldPassword: unknown, newPassword: unknown): Promise<void> {
    const { userId } = viewer;
    const sessionId = sessionOf(viewer);
    const next = checkedPassword(newPassword, 'newPassword');
    const proved = await this.credentials.prove(userId, oldPassword, 'oldPassword');
    const hash = await this.passwords.hash(next);
    // Before, so that a crash in between leaves no thief's session behind a changed password; and after, for a
    // login with the old password that got in between.
    await this.sessions.revokeAll(userId, sessionId);
    const changed = await this.users.updateOne(
      { _id: userId, password: { $eq: proved.password }, ...USABLE },
      { $set: { password: hash } },
    );
    await this.sessions.revokeAll(userId, sessionId);
    if (changed.matchedCount === 0) throw changedMeanwhile();
  }

  /** Ends the account for good: its names are free and its tokens dead at once, its files go soon after. */
  async deleteAccount(viewer: Viewer, password: unknown): Promise<void> {
    const { userId } = viewer;
    const proved = await this.credentials.prove(userId, password, 'password');
    const gone = { isActive: false, deletedAt: new Date(), password: '!', firstName: null, lastName: null };
    const deleted = await this.users.updateOne(
      { _id: userId, password: { $eq: proved.password }, ...USABLE },
      { $set: { ...gone, ...tombstone(userId) } },
    );
    await this.sessions.revokeAll(userId);
    if (deleted.matchedCount === 0) throw changedMeanwhile();
    await this.onDeleted(userId);
  }

  /** Shuts the account out: no login any more, and its sessions and access tokens end at once. */
  async deactivate(userId: ObjectId): Promise<void> {
    await this.users.updateOne({ _id: userId }, { $set: { isActive: false } });
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

  private async add(input: NewAccount, role: Role): Promise<ObjectId> {
    const account = {
      username: checkedUsername(input.username),
      email: checkedEmail(input.email),
      firstName: checkedName(input.firstName, 'firstName'),
      lastName: checkedName(input.lastName, 'lastName'),
      quotaBytes: this.defaultQuotaBytes,
      role,
    };
    const password = checkedPassword(input.password, 'password');
    await this.refuseTaken(account.username, account.email);
    const hash = await this.passwords.hash(password);
    const { _id } = await this.users.create({ ...account, password: hash }).catch((error: unknown) => {
      throw takenOr(error);
    });
    return _id;
  }

  private async refuseTaken(username: string, email: string): Promise<void> {
    // Only to spare the hashing; the unique indexes decide.
    if (await this.users.exists({ username: { $eq: username } }).collation(CASE_INSENSITIVE))
      throw taken('username');
    if (await this.users.exists({ email: { $eq: email } })) throw taken('email');
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

const changedMeanwhile = () => new AppError('CONFLICT', 'The account changed meanwhile: try again.');
