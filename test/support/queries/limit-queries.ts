import { expect } from 'vitest';
import { openLimits } from '../../../src/limits/open-limits.ts';
import type { ObjectId } from '../../../src/models/object-id.ts';
import { LoginGuard } from '../../../src/services/credentials/login-guard.ts';
import { allowancesWith } from '../../../src/services/limits/rate-limits.ts';
import type { TestDatabase } from '../database.ts';

/** Makes every query that the rate limits and the guard of logins make, for an account that many guess at. */
export async function askLimits({ connection, collections }: TestDatabase, userId: ObjectId): Promise<void> {
  const { limits } = await openLimits({
    allowances: allowancesWith(['login-total=1/900']),
    redisUrl: null,
    database: connection.db as never,
    noted: () => undefined,
    failing: (error) => expect(error).toBeNull(),
  });
  const guard = new LoginGuard(limits, collections.sessions);
  const attempt = { userId, name: null, ip: null };
  await limits.require('mail', 'somebody');
  const passed = await guard.admit(attempt);
  await passed();
  for (let i = 0; i < 2; i += 1) await guard.admit(attempt);
}
