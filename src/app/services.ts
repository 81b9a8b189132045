import { Passwords } from '../auth/passwords.ts';
import type { Services } from '../graphql/context.ts';
import { Every } from '../jobs/every.ts';
import { Janitor } from '../jobs/janitor.ts';
import { AccountWatch } from '../services/accounts/account-watch.ts';
import { AuditTrail } from '../services/audit/audit-trail.ts';
import { StorageCheck } from '../services/check/storage-check.ts';
import type { BlobMoves } from '../services/copies/blob-moves.ts';
import { BlobReferences } from '../services/copies/blob-references.ts';
import type { ContentKeys } from '../services/copies/content-keys.ts';
import { KeyRotation } from '../services/copies/key-rotation.ts';
import type { Archives } from '../services/files/archives.ts';
import type { DownloadService } from '../services/files/downloads.ts';
import { FilePurge } from '../services/files/file-purge.ts';
import { FolderTree } from '../services/folders/folder-tree.ts';
import { Leases } from '../services/leases.ts';
import { Ledger } from '../services/ledger.ts';
import { UploadSlots } from '../services/limits/upload-slots.ts';
import { FileEvents } from '../services/live/file-events.ts';
import type { Outbox } from '../services/mail/outbox.ts';
import { quotaRoom } from '../services/quota.ts';
import { AccessWatch } from '../services/sharing/permissions/access-watch.ts';
import { HeldPermissions } from '../services/sharing/permissions/held-permissions.ts';
import { Sweep } from '../services/sweep.ts';
import type { PartUploads } from '../services/uploads/part-uploads.ts';
import { UploadUndo } from '../services/uploads/upload-undo.ts';
import { createContentKeys } from './content-keys.ts';
import { createCopying } from './copying.ts';
import { createJanitor } from './janitor.ts';
import { createMailing } from './mail.ts';
import { together } from './runs.ts';
import { createScanning, type Scanning } from './scanning.ts';
import { createAccounts } from './services/accounts.ts';
import { createArchives } from './services/archives.ts';
import { createContentSearch } from './services/content-search.ts';
import { createFiles } from './services/files.ts';
import { createFolders } from './services/folders.ts';
import { createLive } from './services/live.ts';
import { createOwnData } from './services/own-data.ts';
import type { ServiceParts } from './services/parts.ts';
import { createPreviews, createProcessing, type Processing } from './services/processing.ts';
import { createSharing } from './services/share-links.ts';
import { createGrants } from './services/sharing.ts';
import { createUploadRequests } from './services/upload-requests.ts';
import { createUploads } from './services/uploads.ts';
import { createVersions } from './services/versions.ts';
import { createWebhooks } from './services/webhooks.ts';

/** Every use case, and the jobs that run by themselves once `sweeping` is started. */
export interface Wired {
  readonly services: Services;
  readonly downloads: DownloadService;
  /** Archives by any right, such as a share link’s. */
  readonly plans: Archives;
  /** What comes through upload requests. */
  readonly requests: ReturnType<typeof createUploadRequests>['requests'];
  readonly parts: PartUploads;
  readonly watch: AccountWatch;
  readonly outbox: Outbox;
  readonly sweep: Sweep;
  readonly leases: Leases;
  readonly janitor: Janitor;
  readonly moves: BlobMoves;
  readonly keys: ContentKeys;
  readonly keyRotation: KeyRotation;
  readonly storageCheck: StorageCheck;
  /** Null where none is configured. */
  readonly scanner: Scanning['scanner'];
  readonly processing: Processing;
  readonly sweeping: Pick<Every, 'start' | 'now' | 'stop'>;
}

const MINUTE_MS = 60_000;
// With what a session is remembered for, so that no more than 5 s pass until another node ends what runs.
const WATCH_SECONDS = 2;
const LEAST_ORPHAN_AGE_MS = 60 * MINUTE_MS;

/** Wires the use cases to the collections and the store. */
export function createServices(given: ServiceParts): Wired {
  const { config, collections, stores, metrics, log } = given;
  const blobGraceMs = config.BLOB_GRACE_MINUTES * MINUTE_MS;
  const staleMs = config.UPLOAD_STALE_MINUTES * MINUTE_MS;
  const audit = new AuditTrail(collections.auditEvents, (err, act) =>
    log.error({ err, act }, 'an act could not be noted in the audit trail'),
  );
  const leases = new Leases(collections.leases);
  const watch = new AccountWatch(collections);
  const mailing = createMailing(given);
  const keys = createContentKeys(config, log);
  const tree = new FolderTree(collections.folders);
  const access = new HeldPermissions(collections, tree);
  const events = new FileEvents();
  const accessWatch = new AccessWatch();
  const passwords = new Passwords();
  const parts = {
    ...given,
    audit,
    leases,
    watch,
    accessWatch,
    mailing,
    passwords,
    keys,
    tree,
    access,
    events,
  };

  const usage = new Ledger(collections.users.collection as never, 'usedBytes', { room: quotaRoom });
  const references = new BlobReferences(collections, stores, blobGraceMs, keys);
  const purge = new FilePurge(collections.files, usage, references.ledger, collections, events);
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
    events,
    ages: {
      staleUpload: staleMs,
      unreferencedBlob: blobGraceMs,
      trash: config.TRASH_RETENTION_DAYS * 24 * 60 * MINUTE_MS,
      audit: config.AUDIT_RETENTION_DAYS * 24 * 60 * MINUTE_MS,
    },
  });
  const janitor = createJanitor({ sweep, leases, metrics, log });
  const copying = createCopying({ collections, stores, keys, leases, graceMs: blobGraceMs, metrics, log });
  const scanning = createScanning({ ...parts, references, purge, outbox: mailing.outbox });
  const processing = createProcessing(parts);
  const contents = createContentSearch(parts);
  const webhooks = createWebhooks(parts);
  const sweeping = new Every(
    config.SWEEP_INTERVAL_SECONDS,
    (signal) => janitor.runAll(signal),
    (err) => log.error({ err }, 'the jobs could not be run'),
  );
  const watching = new Every(
    WATCH_SECONDS,
    () => Promise.all([watch.check(), accessWatch.check()]),
    (err) => log.error({ err }, 'it could not be asked whether accounts may go on'),
  );

  const accounts = createAccounts(parts, () => sweeping.now());
  const folding = createFolders(parts, purge);
  const { downloads, ...files } = createFiles(parts, {
    purge,
    held: scanning.quarantine,
    authentication: accounts.authentication,
    folding,
  });
  const { plans, archives } = createArchives(parts, { downloads, authentication: accounts.authentication });
  const live = createLive(parts);
  const {
    parts: partUploads,
    run,
    records,
    ...uploads
  } = createUploads(parts, {
    usage,
    references,
    undo,
    authentication: accounts.authentication,
    scanning: scanning.uploads,
    processing: processing.wanted,
    states: live.states,
    places: folding.places,
  });
  const { uploadRequests, requests } = createUploadRequests(parts, uploads.uploads);
  const versions = createVersions(parts, {
    usage,
    references,
    undo,
    run,
    records,
    service: files.files,
    reader: files.versionReader,
    folding,
    uploads: uploads.uploads,
    states: live.states,
    processing: processing.wanted,
  });
  const slots = new UploadSlots(config.MAX_UPLOADS, config.MAX_UPLOADS_PER_USER);
  return {
    services: {
      watch,
      ...accounts,
      ...createOwnData(parts, files.links),
      ...createGrants(parts),
      ...folding.services,
      ...files,
      archives,
      sharing: createSharing(parts, { downloads, plans, auditListing: accounts.auditListing }),
      ...uploads,
      uploadRequests,
      ...versions,
      ...live.services,
      ...createPreviews(parts, { files: files.files, authentication: accounts.authentication }),
      ...webhooks.services,
      quarantine: scanning.quarantine,
      limits: given.limits,
      slots,
    },
    downloads,
    plans,
    requests,
    parts: partUploads,
    watch,
    outbox: mailing.outbox,
    sweep,
    leases,
    // Copies may take hours: they run beside the others, which would wait for them, and among them only by hand.
    janitor: new Janitor(
      [...janitor.jobs, copying.job, scanning.job, processing.job, ...contents.jobs],
      leases,
      () => undefined,
    ),
    moves: copying.moves,
    scanner: scanning.scanner,
    processing,
    keys,
    keyRotation: new KeyRotation(collections, keys),
    storageCheck: new StorageCheck({
      collections,
      stores,
      leases,
      keys,
      graceMs: Math.max(staleMs, LEAST_ORPHAN_AGE_MS),
      blobGraceMs,
    }),
    sweeping: {
      ...together([
        sweeping,
        copying.every,
        scanning.every,
        processing,
        contents,
        watching,
        mailing,
        webhooks,
      ]),
      now: () => sweeping.now(),
    },
  };
}
