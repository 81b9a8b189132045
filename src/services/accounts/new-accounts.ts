import type { Passwords } from '../../auth/passwords.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { CASE_INSENSITIVE, type Role } from '../../models/user.ts';
import {
  checkedEmail,
  checkedName,
  checkedPassword,
  checkedUsername,
  taken,
  takenOr,
} from './account-rules.ts';

/** What a new account is made from, as a client sent it. */
export interface NewAccount {
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly firstName?: string | null | undefined;
  readonly lastName?: string | null | undefined;
}

/** Makes accounts. */
export class NewAccounts {
  private readonly users: Collections['users'];
  private readonly passwords: Passwords;
  private readonly defaultQuotaBytes: number | null;

  /** New accounts may use so many bytes; null is unlimited. */
  constructor(users: Collections['users'], passwords: Passwords, defaultQuotaBytes: number | null) {
    this.users = users;
    this.passwords = passwords;
    this.defaultQuotaBytes = defaultQuotaBytes;
  }

  /** Makes an account and resolves with its id; CONFLICT names the field that another account has. */
  async add(input: NewAccount, role: Role): Promise<ObjectId> {
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
}
