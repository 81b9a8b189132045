import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { AccessTokens } from '../../src/auth/access-tokens.ts';
import { Passwords } from '../../src/auth/passwords.ts';
import type { Collections } from '../../src/models/collections.ts';
import { AccountService } from '../../src/services/accounts/accounts.ts';
import { type NewAccount, NewAccounts } from '../../src/services/accounts/new-accounts.ts';
import { Administrators } from '../../src/services/admin/administrators.ts';
import { Appointments } from '../../src/services/admin/appointments.ts';
import { AuditTrail } from '../../src/services/audit/audit-trail.ts';
import { LoginGuard } from '../../src/services/credentials/login-guard.ts';
import { Leases } from '../../src/services/leases.ts';
import { NO_LIMITS } from '../../src/services/limits/rate-limits.ts';
import { SessionService, type SignedIn } from '../../src/services/sessions/sessions.ts';
import type { ClientFacts, Viewer } from '../../src/services/viewer.ts';
import { type FactorSettings, secondFactors } from './second-factors.ts';

/** A client like any other. */
export const CLIENT: ClientFacts = { ip: '192.0.2.7', userAgent: 'test' };
/** The password of every account made here. */
export const PASSWORD = 'correct horse';
/** The quota of every account made here, in bytes. */
export const QUOTA = 1_000_000;

const scryptOffLoop = promisify<string, Buffer, number, object, Buffer>(scrypt);

/** One node's account and session services over a database, with cheap hashes whose making is counted. */
export function accountServices(collections: Collections, settings: FactorSettings = {}) {
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
  const { users, auditEvents, leases } = collections;
  const audit = new AuditTrail(auditEvents, (error) => {
    throw error;
  });
  const newAccounts = new NewAccounts(users, passwords, QUOTA);
  const administrators = new Administrators(users, new Leases(leases));
  const appointments = new Appointments(users, newAccounts, audit);
  const sessions = new SessionService({ collections, accessTokens, audit });
  const factors = secondFactors(collections, settings);
  const accounts = new AccountService({
    collections,
    sessions,
    passwords,
    secondFactor: factors.check,
    newAccounts,
    administrators,
    audit,
    limits: NO_LIMITS,
    guard: new LoginGuard(NO_LIMITS, collections.sessions),
    onDeleted: (userId) => void deleted.push(userId.toHexString()),
  });
  const viewerOf = (signedIn: SignedIn): Promise<Viewer> =>
    sessions.authenticate(signedIn.tokens.accessToken);
  return {
    accounts,
    appointments,
    administrators,
    audit,
    sessions,
    passwords,
    factors,
    derivations,
    deleted,
    viewerOf,
  };
}

let made = 0;

/** What a new account, unlike any before, is made from. */
export function newAccount(changes: Partial<NewAccount> = {}): NewAccount {
  made += 1;
  return { username: `user_${made}`, email: `user_${made}@example.org`, password: PASSWORD, ...changes };
}
