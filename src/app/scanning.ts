import { Signer } from '../auth/signatures.ts';
import type { Stores } from '../blobs/stores.ts';
import type { Config } from '../config.ts';
import type { Metrics } from '../http/metrics.ts';
import type { Every } from '../jobs/every.ts';
import type { Job } from '../jobs/janitor.ts';
import type { Collections } from '../models/collections.ts';
import { ClamdScanner } from '../scanning/clamd.ts';
import type { Scanner, Verdict } from '../scanning/scanner.ts';
import type { AuditTrail } from '../services/audit/audit-trail.ts';
import { BlobReader } from '../services/copies/blob-reader.ts';
import type { BlobReferences } from '../services/copies/blob-references.ts';
import type { ContentKeys } from '../services/copies/content-keys.ts';
import { Throttle } from '../services/copies/throttle.ts';
import type { FilePurge } from '../services/files/file-purge.ts';
import type { Leases } from '../services/leases.ts';
import type { FileEvents } from '../services/live/file-events.ts';
import type { Outbox } from '../services/mail/outbox.ts';
import { BlobVerdicts } from '../services/scanning/blob-verdicts.ts';
import { Quarantine } from '../services/scanning/quarantine.ts';
import { QuarantineMails } from '../services/scanning/quarantine-mails.ts';
import { QuarantineNotices } from '../services/scanning/quarantine-notices.ts';
import { QuarantinedContents } from '../services/scanning/quarantined-contents.ts';
import { MOST_COUNTED, ScanDuty } from '../services/scanning/scan-duty.ts';
import { UploadScanning } from '../services/scanning/upload-scanning.ts';
import { SignedCursors } from '../services/signed-cursors.ts';
import type { Log } from './log.ts';
import { loneJob } from './lone-job.ts';

/** What looks for viruses, and what is done with what it finds. */
export interface Scanning {
  /** Null where none is configured. */
  readonly scanner: Scanner | null;
  readonly uploads: UploadScanning;
  readonly quarantine: Quarantine;
  /** What `every` runs, for the janitor to run by hand. */
  readonly job: Job;
  /** Looks every few seconds whether a stored content is to be scanned, and does so on one node at a time. */
  readonly every: Every;
}

const LOOK_SECONDS = 2;
const LOOK_SELDOM_SECONDS = 60;
// So that scanning everything anew after each change of signatures leaves the stores and the scanner to the uploads.
const BYTES_PER_SECOND = 32 * 1024 * 1024;

/** Wires what looks for viruses; stored contents are scanned once `every` is started. */
export function createScanning(parts: {
  config: Config;
  collections: Collections;
  stores: Stores;
  keys: ContentKeys;
  secrets: readonly string[];
  references: BlobReferences;
  purge: FilePurge;
  audit: AuditTrail;
  events: FileEvents;
  outbox: Outbox;
  leases: Leases;
  metrics: Metrics;
  log: Log;
}): Scanning {
  const { config, collections, stores, keys, references, audit, leases, metrics, log } = parts;
  const scanner = scannerOf(config);
  const mails = new QuarantineMails(collections.users, parts.outbox);
  const notices = new QuarantineNotices(collections.files, audit, async (notice) => {
    const { file, owner, threat } = notice;
    log.warn({ file, owner, threat }, 'an infected file was put into quarantine');
    await mails.send(notice);
  });
  const verdicts = new BlobVerdicts(collections, notices, parts.events);
  const judged = (verdict: Verdict) => {
    metrics.contentScanned(verdict.kind === 'unable' ? verdict.cause : verdict.kind);
    if (verdict.kind !== 'unable') return;
    const { cause, reason } = verdict;
    log.warn({ cause, reason }, 'a content could not be scanned');
  };
  const duty = new ScanDuty({
    blobs: collections.blobs,
    verdicts,
    scanner,
    reader: new BlobReader(collections.blobs, stores, { fellBack: () => undefined }, keys),
    throttle: new Throttle(BYTES_PER_SECOND),
    observer: {
      judged,
      failed: (blob, err, { tries, inMs }) =>
        log.warn(
          { err, blob, tries, againInSeconds: Math.round(inMs / 1000) },
          'a stored content was not scanned',
        ),
    },
  });
  metrics.gauge('content_scans_waiting', 'Contents that wait for a virus scan or its consequences.', () =>
    duty.waitingCount().catch(() => Number.NaN),
  );
  metrics.gauge(
    'content_scans_outdated',
    `Contents that today’s virus scanner was not shown, up to ${MOST_COUNTED}.`,
    () => duty.outdatedCount().catch(() => Number.NaN),
  );
  const job: Job = {
    name: 'scans',
    about: 'scan contents that wait for it, that never were, or with other signatures than today’s',
    run: (signal) => duty.run(signal),
  };
  const every = loneJob(job, {
    // Without a scanner there is at most something left that one with a scanner began.
    seconds: scanner ? LOOK_SECONDS : LOOK_SELDOM_SECONDS,
    isNeeded: () => duty.isNeeded(),
    leases,
    metrics,
    log,
    trouble: 'the scans could not be looked after',
  });
  scanner?.check().catch((err) => log.warn({ err }, 'the virus scanner does not answer'));
  return {
    scanner,
    uploads: new UploadScanning({
      scanner,
      policy: config.VIRUS_SCAN_POLICY,
      references,
      verdicts,
      quarantined: new QuarantinedContents(collections, stores, verdicts, keys),
      observer: { judged },
    }),
    quarantine: new Quarantine(collections, {
      verdicts,
      audit,
      purge: parts.purge,
      cursors: new SignedCursors(new Signer(parts.secrets, 'cursors of the quarantine')),
      hasBackup: stores.backup !== null,
    }),
    job,
    every,
  };
}

function scannerOf({ CLAMAV_SOCKET, CLAMAV_HOST, CLAMAV_PORT }: Config): Scanner | null {
  if (CLAMAV_SOCKET) return new ClamdScanner({ path: CLAMAV_SOCKET });
  return CLAMAV_HOST ? new ClamdScanner({ host: CLAMAV_HOST, port: CLAMAV_PORT }) : null;
}
