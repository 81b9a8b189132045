import { AccessTokens } from '../auth/access-tokens.ts';
import { Passwords } from '../auth/passwords.ts';
import { Signer } from '../auth/signatures.ts';
import type { Stores } from '../blobs/stores.ts';
import type { Config } from '../config.ts';
import type { Services } from '../graphql/context.ts';
import type { Metrics } from '../http/metrics.ts';
import { Every } from '../jobs/every.ts';
import type { Collections } from '../models/collections.ts';
import { AccountService } from '../services/accounts.ts';
import { BlobReader } from '../services/blob-reader.ts';
import { BlobReferences } from '../services/blob-references.ts';
import { DownloadService } from '../services/downloads.ts';
import { FileCursors } from '../services/file-cursors.ts';
import { FileListing } from '../services/file-listing.ts';
import { FilePurge } from '../services/file-purge.ts';
import { FileService } from '../services/files.ts';
import { Ledger } from '../services/ledger.ts';
import { LinkService } from '../services/links.ts';
import { quotaRoom } from '../services/quota.ts';
import { SessionService } from '../services/sessions.ts';
import { Sweep } from '../services/sweep.ts';
import { UploadUndo } from '../services/upload-undo.ts';
import { UploadService } from '../services/uploads.ts';
import type { Log } from './log.ts';
import { collectYoungEvery } from './young-garbage.ts';

/** Every use case, and the job that runs by itself. */
export interface Wired {
  readonly services: Services;
  readonly downloads: DownloadService;
  readonly sweep: Sweep;
  readonly sweeping: Every;
}

const ISSUER = 'imaginaryStorage';
const MINUTE_MS = 60_000;

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
      staleUpload: config.UPLOAD_STALE_MINUTES * MINUTE_MS,
      unreferencedBlob: blobGraceMs,
      trash: config.TRASH_RETENTION_DAYS * 24 * 60 * MINUTE_MS,
    },
  });
  const sweeping = new Every(
    config.SWEEP_INTERVAL_SECONDS,
    async () => {
      const report = await sweep.run();
      if (Object.values(report).some((count) => count > 0)) log.info(report, 'swept');
    },
    (err) => log.error({ err }, 'a sweep failed'),
  );

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
      uploads: new UploadService({
        collections,
        stores,
        references,
        usage,
        undo,
        rules: {
          maxFileSize: config.MAX_FILE_SIZE,
          types: {
            allowed: lowerCase(config.ALLOWED_MIME_TYPES),
            blocked: lowerCase(config.BLOCKED_MIME_TYPES),
          },
        },
        observer: {
          began: () => metrics.uploadBegan(),
          received: collectYoungEvery(YOUNG_BYTES),
          ended: (outcome, bytes) => metrics.uploadEnded(outcome, bytes),
        },
      }),
    },
    downloads: new DownloadService({ collections, files: fileService, sessions, links, reader }),
    sweep,
    sweeping,
  };
}

// Enough that a collection is seldom, few enough that its garbage stays small beside a transfer’s buffers.
const YOUNG_BYTES = 24 * 1024 * 1024;

const lowerCase = (types: readonly string[]) => types.map((type) => type.toLowerCase());
