import { AccessTokens } from '../../auth/access-tokens.ts';
import { SealedText } from '../../auth/sealed-text.ts';
import { AccountService } from '../../services/accounts/accounts.ts';
import { NewAccounts } from '../../services/accounts/new-accounts.ts';
import { Administrators } from '../../services/admin/administrators.ts';
import { Appointments } from '../../services/admin/appointments.ts';
import { EmailVerification } from '../../services/credentials/email-verification.ts';
import { LoginGuard } from '../../services/credentials/login-guard.ts';
import { PasswordReset } from '../../services/credentials/password-reset.ts';
import { SecondFactorService } from '../../services/credentials/second-factor.ts';
import { SecondFactorCheck } from '../../services/credentials/second-factor-check.ts';
import { ApiKeyService } from '../../services/sessions/api-keys.ts';
import { Authentication } from '../../services/sessions/authentication.ts';
import { SessionCache } from '../../services/sessions/session-cache.ts';
import { SessionService } from '../../services/sessions/sessions.ts';
import { createAdmin } from './admin.ts';
import type { AuditedParts } from './parts.ts';

const ISSUER = 'imaginaryStorage';
// What ended on another node begins nothing new after this, and what had begun ends 2 s later at the latest.
const SESSION_MEMORY_MS = 2_500;

/** Wires what accounts are: who they are, how they prove it, and how they end. */
export function createAccounts(parts: AuditedParts, onDeleted: () => void | Promise<void>) {
  const { config, collections, secrets, watch, limits, audit, log, passwords } = parts;
  const { outbox, links, afterwards } = parts.mailing;
  const accessTokens = new AccessTokens({ secrets, issuer: ISSUER, audience: ISSUER });
  const cache = new SessionCache({ maxAgeMs: SESSION_MEMORY_MS });
  const sessions = new SessionService({ collections, accessTokens, cache, ends: watch, audit });
  const apiKeys = new ApiKeyService({ collections, cache, audit, ends: watch });
  const { users } = collections;
  const sealed = new SealedText(secrets, 'second factors');
  const check = new SecondFactorCheck({ users, sealed, limits, audit });
  const newAccounts = new NewAccounts(users, passwords, config.DEFAULT_QUOTA ?? null);
  const administrators = new Administrators(users, parts.leases);
  const mailed = { collections, sessions, outbox, links, limits, audit };
  const verification = new EmailVerification(mailed);
  const accounts = new AccountService({
    collections,
    sessions,
    passwords,
    secondFactor: check,
    newAccounts,
    administrators,
    audit,
    limits,
    guard: new LoginGuard(limits, collections.sessions),
    ends: watch,
    // An account is there even where its mail could not be stored: another can be asked for.
    onRegistered: (userId) =>
      verification
        .mail(userId)
        .catch((err) => log.error({ err, userId }, 'the mail to a new account could not be stored')),
    onDeleted,
  });
  return {
    accounts,
    appointments: new Appointments(users, newAccounts, audit),
    ...createAdmin(parts, { accounts, sessions, administrators }),
    secondFactor: new SecondFactorService({
      users,
      sessions,
      sealed,
      check,
      audit,
      issuer: ISSUER,
      prove: (userId, password, field) => accounts.provePassword(userId, password, field),
    }),
    sessions,
    apiKeys,
    verification,
    passwordReset: new PasswordReset({ ...mailed, passwords, afterwards, apiKeys }),
    authentication: new Authentication(sessions, apiKeys),
  };
}
