import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { AccessTokens } from '../../src/auth/access-tokens.ts';
import { Passwords } from '../../src/auth/passwords.ts';
import type { Collections } from '../../src/models/collections.ts';
import { AccountService, type NewAccount } from '../../src/services/accounts/accounts.ts';
import { SessionService, type SignedIn } from '../../src/services/accounts/sessions.ts';
import type { ClientFacts, Viewer } from '../../src/services/viewer.ts';

/** A client like any other. */
export const CLIENT: ClientFacts = { ip: '192.0.2.7', userAgent: 'test' };
/** The password of every account made here. */
export const PASSWORD = 'correct horse';
/** The quota of every account made here, in bytes. */
export const QUOTA = 1_000_000;

const scryptOffLoop = promisify<string, Buffer, number, object, Buffer>(scrypt);

/** One node's account and session services over a database, with cheap hashes whose making is counted. */
export function accountServices(collections: Collections) {
  const derivations = { count: 0 };
  const deleted: string[] = [];
  const passwords = new Passwords({
    cost: { ln: 4, r: 8, p: 1 },
    derive: (password, salt, length, options) => {
      derivations.count += 1;
      return scryptOffLoop(password, salt, length, options);
    },
  });
  const accessTokens = new AccessTokens({
    secrets: ['secret of the tests'],
    issuer: 'test',
    audience: 'test',
  });
  const sessions = new SessionService({ collections, accessTokens });
  const accounts = new AccountService({
    collections,
    sessions,
    passwords,
    defaultQuotaBytes: QUOTA,
    onDeleted: (userId) => void deleted.push(userId.toHexString()),
  });
  const viewerOf = (signedIn: SignedIn): Promise<Viewer> =>
    sessions.authenticate(signedIn.tokens.accessToken);
  return { accounts, sessions, passwords, derivations, deleted, viewerOf };
}

let made = 0;

/** What a new account, unlike any before, is made from. */
export function newAccount(changes: Partial<NewAccount> = {}): NewAccount {
  made += 1;
  return { username: `user_${made}`, email: `user_${made}@example.org`, password: PASSWORD, ...changes };
}
