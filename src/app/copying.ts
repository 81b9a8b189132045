import type { Stores } from '../blobs/stores.ts';
import type { Metrics } from '../http/metrics.ts';
import type { Every } from '../jobs/every.ts';
import type { Job } from '../jobs/janitor.ts';
import type { Collections } from '../models/collections.ts';
import { BackupWalk } from '../services/copies/backup-walk.ts';
import { BlobCopies } from '../services/copies/blob-copies.ts';
import { BlobMoves } from '../services/copies/blob-moves.ts';
import { BlobPlacement } from '../services/copies/blob-placement.ts';
import type { ContentKeys } from '../services/copies/content-keys.ts';
import { CopyDuty } from '../services/copies/copy-duty.ts';
import type { Leases } from '../services/leases.ts';
import type { Log } from './log.ts';
import { loneJob } from './lone-job.ts';

/** What makes, repairs and moves copies of blobs. */
export interface Copying {
  readonly moves: BlobMoves;
  /** What `every` runs, for the janitor to run by hand. */
  readonly job: Job;
  /** Looks every few seconds whether a copy is due, and makes it on one node at a time. */
  readonly every: Every;
}

const LOOK_SECONDS = 2;

/** Wires what makes, repairs and moves copies of blobs; it runs once `every` is started. */
export function createCopying(parts: {
  collections: Collections;
  stores: Stores;
  keys: ContentKeys;
  leases: Leases;
  /** How long a copy that another replaced stays, since somebody may still be reading it; milliseconds. */
  graceMs: number;
  metrics: Metrics;
  log: Log;
}): Copying {
  const { collections, stores, leases, metrics, log } = parts;
  const placement = new BlobPlacement(collections, parts.graceMs);
  const copies = new BlobCopies(stores, placement, undefined, parts.keys);
  const duty = new CopyDuty({
    blobs: collections.blobs,
    stores,
    copies,
    placement,
    walk: new BackupWalk(collections, stores),
    observer: {
      copied: (blob, kind, { provider }) => {
        metrics.copyEnded(kind, 'made');
        log.info({ blob, kind, provider }, 'a copy of a blob was made');
      },
      failed: (blob, err, { tries, inMs }) => {
        metrics.copyEnded('any', 'failed');
        log.warn({ err, blob, tries, againInSeconds: Math.round(inMs / 1000) }, 'a copy of a blob failed');
      },
    },
  });
  metrics.gauge('blob_copies_due', 'Blobs that wait for a copy to be made or repaired.', () =>
    duty.dueCount().catch(() => Number.NaN),
  );
  const job: Job = {
    name: 'copies',
    about: 'make the second copies that are missing and repair damaged blobs',
    run: (signal) => duty.run(signal),
  };
  const every = loneJob(job, {
    seconds: LOOK_SECONDS,
    isNeeded: () => duty.isNeeded(),
    leases,
    metrics,
    log,
    trouble: 'the copies could not be looked after',
  });
  return { moves: new BlobMoves({ collections, stores, copies, placement }), job, every };
}
