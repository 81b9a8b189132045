import { AccessTokens } from '../../auth/access-tokens.ts';
import { Passwords } from '../../auth/passwords.ts';
import { AccountService } from '../../services/accounts/accounts.ts';
import { Authentication } from '../../services/accounts/authentication.ts';
import { SessionService } from '../../services/accounts/sessions.ts';
import type { AuditedParts } from './parts.ts';

const ISSUER = 'imaginaryStorage';

/** Wires what accounts are: who they are, how they prove it, and how they end. */
export function createAccounts(parts: AuditedParts, onDeleted: () => void | Promise<void>) {
  const { config, collections, secrets } = parts;
  const accessTokens = new AccessTokens({ secrets, issuer: ISSUER, audience: ISSUER });
  const sessions = new SessionService({ collections, accessTokens });
  return {
    accounts: new AccountService({
      collections,
      sessions,
      passwords: new Passwords(),
      defaultQuotaBytes: config.DEFAULT_QUOTA ?? null,
      onDeleted,
    }),
    sessions,
    authentication: new Authentication(sessions),
  };
}
