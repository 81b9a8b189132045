import { AppError } from '../../../src/errors.ts';
import type { Collections } from '../../../src/models/collections.ts';
import { AuditTrail } from '../../../src/services/audit/audit-trail.ts';
import { EmailVerification } from '../../../src/services/credentials/email-verification.ts';
import { PasswordReset } from '../../../src/services/credentials/password-reset.ts';
import { NO_LIMITS, type RateLimits } from '../../../src/services/limits/rate-limits.ts';
import { Afterwards } from '../../../src/services/mail/afterwards.ts';
import { MailLinks } from '../../../src/services/mail/mail-links.ts';
import { ApiKeyService } from '../../../src/services/sessions/api-keys.ts';
import { SessionCache } from '../../../src/services/sessions/session-cache.ts';
import { accountServices } from '../accounts.ts';
import { mailNode } from './mail-node.ts';

/** One node’s accounts and mailed tokens over a database; every limit allows so much, and what is told is collected. */
export function mailedTokenNode(collections: Collections, { allowed = 3, delayMs = 0 } = {}) {
  const services = accountServices(collections);
  const mails = mailNode(collections);
  const errors: unknown[] = [];
  const spent = new Map<string, number>();
  const limits: RateLimits = {
    ...NO_LIMITS,
    async spend(limit, key) {
      const count = (spent.get(`${limit} ${key}`) ?? 0) + 1;
      spent.set(`${limit} ${key}`, count);
      if (count > allowed) throw new AppError('RATE_LIMITED', 'too many', { retryAfter: 9 });
    },
  };
  const afterwards = new Afterwards({ onError: (error) => void errors.push(error), delayMs });
  const { sessions, passwords } = services;
  const audit = new AuditTrail(collections.auditEvents, (error) => void errors.push(error));
  const links = new MailLinks(() => 'https://app.example.org');
  const parts = { collections, sessions, outbox: mails.outbox, links, limits, audit };
  const ended: string[] = [];
  const apiKeys = new ApiKeyService({
    collections,
    cache: new SessionCache(),
    audit,
    ends: { endKey: (userId) => void ended.push(userId.toHexString()) },
  });
  const reset = new PasswordReset({ ...parts, passwords, afterwards, apiKeys });
  return {
    ...services,
    ...mails,
    verification: new EmailVerification(parts),
    reset,
    apiKeys,
    afterwards,
    errors,
    spent,
    ended,
  };
}
