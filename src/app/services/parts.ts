import type { Passwords } from '../../auth/passwords.ts';
import type { Stores } from '../../blobs/stores.ts';
import type { Config } from '../../config.ts';
import type { Metrics } from '../../http/metrics.ts';
import type { Collections } from '../../models/collections.ts';
import type { AccountWatch } from '../../services/accounts/account-watch.ts';
import type { AuditTrail } from '../../services/audit/audit-trail.ts';
import type { ContentKeys } from '../../services/copies/content-keys.ts';
import type { FolderTree } from '../../services/folders/folder-tree.ts';
import type { Leases } from '../../services/leases.ts';
import type { RateLimits } from '../../services/limits/rate-limits.ts';
import type { FileEvents } from '../../services/live/file-events.ts';
import type { LiveBus } from '../../services/live/live-bus.ts';
import type { AccessWatch } from '../../services/sharing/permissions/access-watch.ts';
import type { HeldPermissions } from '../../services/sharing/permissions/held-permissions.ts';
import type { Log } from '../log.ts';
import type { Mailing } from '../mail.ts';

/** What the use cases are wired to. */
export interface ServiceParts {
  readonly config: Config;
  readonly collections: Collections;
  readonly stores: Stores;
  readonly limits: RateLimits;
  /** What carries news to all nodes; without it this node hears only of itself. */
  readonly bus?: LiveBus;
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
  /** What ends contents on their way by a link or a grant when that has ended. */
  readonly accessWatch: AccessWatch;
  readonly mailing: Mailing;
  /** Makes and checks the hashes of all passwords, so that only so many are made at once. */
  readonly passwords: Passwords;
  readonly tree: FolderTree;
  /** What people may do with what is others’. */
  readonly access: HeldPermissions;
  /** Where what happens to files is told. */
  readonly events: FileEvents;
}
