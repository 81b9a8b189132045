import type { Stores } from '../../blobs/stores.ts';
import type { Config } from '../../config.ts';
import type { Metrics } from '../../http/metrics.ts';
import type { Collections } from '../../models/collections.ts';
import type { AccountWatch } from '../../services/accounts/account-watch.ts';
import type { AuditTrail } from '../../services/audit/audit-trail.ts';
import type { ContentKeys } from '../../services/copies/content-keys.ts';
import type { Leases } from '../../services/leases.ts';
import type { RateLimits } from '../../services/limits/rate-limits.ts';
import type { Log } from '../log.ts';
import type { Mailing } from '../mail.ts';

/** What the use cases are wired to. */
export interface ServiceParts {
  readonly config: Config;
  readonly collections: Collections;
  readonly stores: Stores;
  readonly limits: RateLimits;
  /** What tokens and addresses are signed with: the first signs, all verify. */
  readonly secrets: readonly string[];
  readonly metrics: Metrics;
  readonly log: Log;
  /** The origin that clients reach the service at, as far as it is known when it is asked for. */
  readonly baseUrl: () => string;
}

/** The same, with the trail of what happens, what ends that which runs for an account, and mails. */
export interface AuditedParts extends ServiceParts {
  readonly audit: AuditTrail;
  /** What contents are encrypted with. */
  readonly keys: ContentKeys;
  readonly leases: Leases;
  readonly watch: AccountWatch;
  readonly mailing: Mailing;
}
