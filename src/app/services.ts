import { AccessTokens } from '../auth/access-tokens.ts';
import { Passwords } from '../auth/passwords.ts';
import { Signer } from '../auth/signatures.ts';
import type { Stores } from '../blobs/stores.ts';
import type { Config } from '../config.ts';
import type { Services } from '../graphql/context.ts';
import type { Metrics } from '../http/metrics.ts';
import { Every } from '../jobs/every.ts';
import { Janitor } from '../jobs/janitor.ts';
import type { Collections } from '../models/collections.ts';
import { AccountService } from '../services/accounts/accounts.ts';
import { SessionService } from '../services/accounts/sessions.ts';
import { StorageCheck } from '../services/check/storage-check.ts';
import type { BlobMoves } from '../services/copies/blob-moves.ts';
import { BlobReader } from '../services/copies/blob-reader.ts';
import { BlobReferences } from '../services/copies/blob-references.ts';
import { DownloadService } from '../services/files/downloads.ts';
import { FileCursors } from '../services/files/file-cursors.ts';
import { FileListing } from '../services/files/file-listing.ts';
import { FilePurge } from '../services/files/file-purge.ts';
import { FileService } from '../services/files/files.ts';
import { LinkService } from '../services/files/links.ts';
import { Leases } from '../services/leases.ts';
import { Ledger } from '../services/ledger.ts';
import { quotaRoom } from '../services/quota.ts';
import { Sweep } from '../services/sweep.ts';
import { DirectUploads } from '../services/uploads/direct-uploads.ts';
import { PartLinks } from '../services/uploads/part-links.ts';
import { PartUploads } from '../services/uploads/part-uploads.ts';
import { Tickets } from '../services/uploads/tickets.ts';
import { UploadRecords } from '../services/uploads/upload-records.ts';
import { UploadRun } from '../services/uploads/upload-run.ts';
import { UploadUndo } from '../services/uploads/upload-undo.ts';
import { UploadService } from '../services/uploads/uploads.ts';
import { createCopying } from './copying.ts';
import { createJanitor } from './janitor.ts';
import type { Log } from './log.ts';
import { collectYoungEvery } from './young-garbage.ts';

/** Every use case, and the jobs that run by themselves once `sweeping` is started. */
export interface Wired {
  readonly services: Services;
  readonly downloads: DownloadService;
  readonly parts: PartUploads;
  readonly sweep: Sweep;
  readonly leases: Leases;
  readonly janitor: Janitor;
  readonly moves: BlobMoves;
  readonly storageCheck: StorageCheck;
  readonly sweeping: Pick<Every, 'start' | 'now' | 'stop'>;
}

const ISSUER = 'imaginaryStorage';
const MINUTE_MS = 60_000;
const LEAST_ORPHAN_AGE_MS = 60 * MINUTE_MS;

/** Wires the use cases to the collections and the store. */
export function createServices(parts: {
  config: Config;
  collections: Collections;
  stores: Stores;
  secrets: readonly string[];
  metrics: Metrics;
  log: Log;
  baseUrl: () => string;
}): Wired {
  const { config, collections, stores, secrets, metrics, log } = parts;
  const { users, files, blobs } = collections;
  const blobGraceMs = config.BLOB_GRACE_MINUTES * MINUTE_MS;
  const staleMs = config.UPLOAD_STALE_MINUTES * MINUTE_MS;

  const usage = new Ledger(users.collection as never, 'usedBytes', { room: quotaRoom });
  const references = new BlobReferences(collections, stores, blobGraceMs);
  const purge = new FilePurge(files, usage, references.ledger);
  const undo = new UploadUndo(collections, stores, references, usage, (err) =>
    log.error({ err }, 'an upload could not be undone now; the sweep will'),
  );
  const sweep = new Sweep({
    collections,
    stores,
    references,
    usage,
    purge,
    undo,
    ages: {
      staleUpload: staleMs,
      unreferencedBlob: blobGraceMs,
      trash: config.TRASH_RETENTION_DAYS * 24 * 60 * MINUTE_MS,
    },
  });
  const leases = new Leases(collections.leases);
  const janitor = createJanitor({ sweep, leases, metrics, log });
  const copying = createCopying({ collections, stores, leases, graceMs: blobGraceMs, metrics, log });
  const sweeping = new Every(
    config.SWEEP_INTERVAL_SECONDS,
    (signal) => janitor.runAll(signal),
    (err) => log.error({ err }, 'the jobs could not be run'),
  );

  const rules = {
    maxFileSize: config.MAX_FILE_SIZE,
    types: {
      allowed: lowerCase(config.ALLOWED_MIME_TYPES),
      blocked: lowerCase(config.BLOCKED_MIME_TYPES),
    },
  };
  const records = new UploadRecords(files);
  const run = new UploadRun({
    records,
    stores,
    references,
    usage,
    rules,
    observer: {
      began: () => metrics.uploadBegan(),
      received: collectYoungEvery(YOUNG_BYTES),
      ended: (outcome, bytes) => metrics.uploadEnded(outcome, bytes),
    },
  });
  const partLinks = new PartLinks(new Signer(secrets, 'part links'), parts.baseUrl);
  const tickets = new Tickets({
    collections,
    stores,
    links: partLinks,
    undo,
    rules: {
      ...rules,
      partSize: config.DIRECT_PART_SIZE,
      lifetimeSeconds: config.DIRECT_UPLOAD_MINUTES * 60,
    },
  });

  const reader = new BlobReader(blobs, stores, {
    fellBack: (blob, { provider, key }, err) => {
      metrics.readFellBack(provider);
      log.warn({ err, blob, provider, key }, 'a blob was read from another copy than its first');
    },
  });
  const accessTokens = new AccessTokens({ secrets, issuer: ISSUER, audience: ISSUER });
  const sessions = new SessionService({ collections, accessTokens });
  const fileService = new FileService(files, purge);
  const links = new LinkService(new Signer(secrets, 'content links'), parts.baseUrl);
  return {
    services: {
      accounts: new AccountService({
        collections,
        sessions,
        passwords: new Passwords(),
        defaultQuotaBytes: config.DEFAULT_QUOTA ?? null,
        onDeleted: () => sweeping.now(),
      }),
      sessions,
      files: fileService,
      listing: new FileListing(files, new FileCursors(new Signer(secrets, 'cursors'))),
      links,
      uploads: new UploadService({ collections, records, stores, usage, undo, run }),
      directUploads: new DirectUploads({ collections, stores, usage, undo, run, tickets }),
    },
    parts: new PartUploads({ collections, stores, links: partLinks, run }),
    downloads: new DownloadService({
      collections,
      files: fileService,
      sessions,
      links,
      reader,
      stores,
      redirects: config.DOWNLOAD_MODE === 'redirect',
    }),
    sweep,
    leases,
    // Copies may take hours: they run beside the others, which would wait for them, and among them only by hand.
    janitor: new Janitor([...janitor.jobs, copying.job], leases, () => undefined),
    moves: copying.moves,
    storageCheck: new StorageCheck({
      collections,
      stores,
      leases,
      graceMs: Math.max(staleMs, LEAST_ORPHAN_AGE_MS),
      blobGraceMs,
    }),
    sweeping: {
      start() {
        sweeping.start();
        copying.every.start();
      },
      now: () => sweeping.now(),
      async stop() {
        await Promise.all([sweeping.stop(), copying.every.stop()]);
      },
    },
  };
}

// Enough that a collection is seldom, few enough that its garbage stays small beside a transfer’s buffers.
const YOUNG_BYTES = 24 * 1024 * 1024;

const lowerCase = (types: readonly string[]) => types.map((type) => type.toLowerCase());
