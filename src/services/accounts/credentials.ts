import type { Passwords } from '../../auth/passwords.ts';
import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { CASE_INSENSITIVE, type User } from '../../models/user.ts';
import type { ClientFacts } from '../viewer.ts';
import { withId } from '../with-id.ts';
import { comparablePassword, EMAIL_LENGTH, invalid } from './account-rules.ts';
import { type SessionService, type SignedIn, USABLE } from './sessions.ts';

/** Credentials as a client sent them. */
export interface Credentials {
  readonly emailOrUsername: string;
  readonly password: string;
}

/** Checks what people prove themselves with. */
export class CredentialsCheck {
  private readonly users: Collections['users'];
  private readonly sessions: SessionService;
  private readonly passwords: Passwords;

  constructor(users: Collections['users'], sessions: SessionService, passwords: Passwords) {
    this.users = users;
    this.sessions = sessions;
    this.passwords = passwords;
  }

  /** Opens a session; whatever is wrong gives one and the same UNAUTHENTICATED, after the same work. */
  async login({ emailOrUsername, password }: Credentials, client: ClientFacts): Promise<SignedIn> {
    const comparable = comparablePassword(password);
    if (comparable === null) throw wrongCredentials();
    // Twice, since another login may replace an old hash by a new one while this one checks the old.
    const signedIn =
      (await this.tryLogin(emailOrUsername, comparable, client)) ??
      (await this.tryLogin(emailOrUsername, comparable, client));
    if (!signedIn) throw wrongCredentials();
    return signedIn;
  }

  /** The stored hash that the password proved, for a change that holds only while it is still stored; else BAD_USER_INPUT. */
  async prove(userId: ObjectId, password: unknown, field: string): Promise<Pick<User, 'password'>> {
    const comparable = comparablePassword(password);
    const found = await this.users.findOne({ _id: userId, ...USABLE }, { password: 1 }).lean();
    if (!found) throw new AppError('UNAUTHENTICATED', 'This account has ended.');
    if (comparable !== null && (await this.passwords.verify(comparable, found.password))) return found;
    throw invalid(field, 'This is not the account’s password.');
  }

  private async tryLogin(name: unknown, password: string, client: ClientFacts): Promise<SignedIn | null> {
    const found = await this.findByName(name);
    const isRight = found
      ? await this.passwords.verify(password, found.password)
      : await this.passwords.verifyAgainstNothing(password);
    if (!found || !isRight || !found.isActive || found.deletedAt) throw wrongCredentials();

    const isOld = this.passwords.needsRehash(found.password);
    const rehash = isOld ? { password: await this.passwords.hash(password) } : {};
    const tokens = await this.sessions.create(found, client);
    // The account is asked again after the session exists: whoever changes the password or deactivates the account
    // ends the sessions after that change, so one of both sees the other.
    const user = await this.users
      .findOneAndUpdate(
        { _id: found._id, password: { $eq: found.password }, ...USABLE },
        { $set: { lastLogin: new Date(), ...rehash } },
        { returnDocument: 'after', timestamps: false },
      )
      .lean();
    if (user) return { user: withId(user), tokens };
    await this.sessions.end({ _id: tokens.sessionId, userId: found._id });
    return null;
  }

  private async findByName(value: unknown) {
    const name = typeof value === 'string' ? value.trim() : '';
    if (name === '' || name.length > EMAIL_LENGTH) return null;
    // No username has an @, every email address does.
    const query = name.includes('@')
      ? this.users.findOne({ email: { $eq: name.toLowerCase() } })
      : this.users.findOne({ username: { $eq: name } }).collation(CASE_INSENSITIVE);
    return query.select({ _id: 1, password: 1, isActive: 1, deletedAt: 1 }).lean();
  }
}

const wrongCredentials = () => new AppError('UNAUTHENTICATED', 'The name or the password is wrong.');
