import type { Stores } from '../blobs/stores.ts';
import type { Collections } from '../models/collections.ts';
import { LISTED, NEVER } from '../models/file.ts';
import type { ObjectId } from '../models/object-id.ts';
import { removeRemains, removeUnusedAvatars } from './accounts/account-remains.ts';
import { removeEventsBefore } from './audit/audit-retention.ts';
import { LostContents } from './check/lost-contents.ts';
import { emptyLostFound, LOST_FOUND_MS } from './check/lost-found.ts';
import { BlobDisposal } from './copies/blob-disposal.ts';
import type { BlobReferences } from './copies/blob-references.ts';
import { trashExpired } from './files/expired-files.ts';
import type { FilePurge } from './files/file-purge.ts';
import { FolderSweep } from './folders/folder-sweep.ts';
import type { Ledger } from './ledger.ts';
import type { FileEvents } from './live/file-events.ts';
import { removeEndedLinks } from './sharing/links/link-end.ts';
import { removeEndedRequests } from './sharing/requests/request-end.ts';
import { RequestPlaces } from './sharing/requests/request-places.ts';
import type { UploadUndo } from './uploads/upload-undo.ts';
import { claimedContent } from './versions/contents.ts';
import { VersionPurge } from './versions/version-purge.ts';

/** After how long each kind of leftover is taken for one; milliseconds. */
export interface SweepAges {
  /** An upload without a sign of life. */
  readonly staleUpload: number;
  /** A blob that nothing refers to. */
  readonly unreferencedBlob: number;
  /** A file in the trash. */
  readonly trash: number;
  /** An event of the audit trail. */
  readonly audit: number;
}

/** The steps of a sweep, in their order, each with what it looks for. */
export const SWEEP_STEPS = {
  uploads: 'undo uploads that show no sign of life, and direct uploads that were not completed in time',
  purges: 'finish removals that were interrupted',
  claims: 'settle or release counts whose uploads or removals ended',
  expired: 'put files past their expiry date into the trash',
  trash: 'remove what has been in the trash, or without its content, for long enough',
  folders:
    'finish what was interrupted in trees of folders, and remove folders that were in the trash for long enough',
  requests: 'remove upload requests that ended 30 days ago',
  accounts: 'remove what deleted accounts left, then the accounts, and images that no account shows',
  blobs: 'delete blobs that nothing refers to any more',
  leftovers: 'delete copies that were replaced or never finished',
  unfinished: 'abort what killed writers left unfinished in the stores',
  audit: 'remove events of the audit trail that are old enough',
  links: 'remove share links that ended 30 days ago',
  'lost-found': 'delete what has lain in lost-found/ for 30 days',
} as const;

/** The name of one step. */
export type SweepStep = keyof typeof SWEEP_STEPS;

/** How many things each step of a sweep dealt with. */
export type SweepReport = Record<SweepStep, number>;

/** Finds what crashes and time leave behind, and finishes or undoes it. Any number of nodes may sweep at once. */
export class Sweep {
  private readonly collections: Collections;
  private readonly stores: Stores;
  private readonly disposal: BlobDisposal;
  private readonly references: BlobReferences;
  private readonly usage: Ledger;
  private readonly purge: FilePurge;
  private readonly versions: VersionPurge;
  private readonly undo: UploadUndo;
  private readonly lost: LostContents;
  private readonly folders: FolderSweep;
  private readonly requests: RequestPlaces;
  private readonly events: Pick<FileEvents, 'tell'> | null;
  private readonly ages: SweepAges;

  constructor(parts: {
    collections: Collections;
    stores: Stores;
    references: BlobReferences;
    usage: Ledger;
    purge: FilePurge;
    undo: UploadUndo;
    events?: Pick<FileEvents, 'tell'>;
    ages: SweepAges;
  }) {
    this.collections = parts.collections;
    this.stores = parts.stores;
    this.disposal = new BlobDisposal(parts.collections, parts.stores);
    this.references = parts.references;
    this.usage = parts.usage;
    this.purge = parts.purge;
    this.versions = new VersionPurge(parts.collections.files, parts.usage, parts.references.ledger);
    this.undo = parts.undo;
    this.lost = new LostContents(parts.collections, parts.stores);
    this.events = parts.events ?? null;
    this.folders = new FolderSweep(parts.collections, parts.purge, parts.events);
    this.requests = new RequestPlaces(parts.collections);
    this.ages = parts.ages;
  }

  /** One pass over every kind of leftover; resolves with what it found. */
  async run(signal?: AbortSignal): Promise<SweepReport> {
    const report: Partial<SweepReport> = {};
    for (const name of Object.keys(SWEEP_STEPS) as SweepStep[]) report[name] = await this.step(name, signal);
    return report as SweepReport;
  }

  /**
   * One pass over one kind of leftover; resolves with how many it dealt with. An aborted signal ends it between two
   * things, with the signal's reason; the next pass carries on.
   */
  async step(name: SweepStep, signal: AbortSignal = new AbortController().signal): Promise<number> {
    signal.throwIfAborted();
    const stale = ago(this.ages.staleUpload);
    const steps: Record<SweepStep, () => Promise<number>> = {
      uploads: () => this.staleUploads(stale, signal),
      purges: () => this.interruptedPurges(stale, signal),
      claims: async () =>
        (await this.staleClaims(this.usage, stale, signal)) +
        (await this.staleClaims(this.references.ledger, stale, signal)) +
        (await this.requests.endStale(stale, signal)),
      expired: () => trashExpired(this.collections.files, this.events, signal),
      trash: () => this.oldTrash(signal),
      folders: () => this.folders.run(stale, ago(this.ages.trash), signal),
      requests: () => removeEndedRequests(this.collections, new Date()),
      accounts: async () =>
        (await this.deletedAccounts(signal)) +
        (await removeUnusedAvatars(this.collections, new Date(), signal)),
      blobs: () => this.disposal.deleteUnreferenced(ago(this.ages.unreferencedBlob), signal),
      leftovers: () => this.disposal.deleteLeftovers(new Date(), signal),
      unfinished: () => this.unfinishedWrites(stale, signal),
      audit: () => removeEventsBefore(this.collections.auditEvents, ago(this.ages.audit), signal),
      links: () => removeEndedLinks(this.collections, new Date()),
      'lost-found': () => emptyLostFound(this.stores, ago(LOST_FOUND_MS), signal),
    };
    return steps[name]();
  }

  private async unfinishedWrites(before: Date, signal: AbortSignal): Promise<number> {
    let swept = 0;
    for (const store of this.stores.all) {
      signal.throwIfAborted();
      swept += await store.sweepUnfinished(before);
    }
    return swept;
  }

  private async staleUploads(before: Date, signal: AbortSignal): Promise<number> {
    let undone = 0;
    const { files } = this.collections;
    for await (const file of files.find({ heartbeatAt: { $lt: before } }, { _id: 1 }, BATCHED).lean()) {
      signal.throwIfAborted();
      if (await this.undo.undoStale(file._id, before)) undone += 1;
    }
    return undone;
  }

  private async interruptedPurges(before: Date, signal: AbortSignal): Promise<number> {
    // Of single contents first: a file’s removal waits for them.
    let finished = await this.versions.finishStale(before, signal);
    const { files } = this.collections;
    for await (const { _id, purgingAt } of files
      .find({ purgingAt: { $lt: before } }, { purgingAt: 1 }, BATCHED)
      .lean()) {
      signal.throwIfAborted();
      // Only one node may carry on with it: two would take each other’s claims for their own.
      const taken = { _id, purgingAt } as never;
      const file = await files.findOneAndUpdate(taken, { $set: { purgingAt: new Date() } }).lean();
      if (!file) continue;
      await this.purge.finish(file);
      finished += 1;
    }
    return finished;
  }

  private async staleClaims(ledger: Ledger, before: Date, signal: AbortSignal): Promise<number> {
    let ended = 0;
    for await (const { owner, claim } of ledger.stale(before)) {
      signal.throwIfAborted();
      const content = await claimedContent(this.collections.files, claim.file);
      if (content === 'unfinished') continue;
      const stays =
        content && (ledger === this.usage ? content.fileSize : Number(content.blob?.equals(owner) ?? 0));
      if (stays) await ledger.settle(owner, claim.file, stays);
      else await ledger.release(owner, claim.file);
      ended += 1;
    }
    return ended;
  }

  private async oldTrash(signal: AbortSignal): Promise<number> {
    const before = ago(this.ages.trash);
    const trashed = await this.purge.purgeAll({ isDeleted: true, deletedAt: { $lt: before } }, signal);
    return trashed + (await this.lost.purge(this.purge, { lostAt: { $lt: before } }, signal));
  }

  /** An account goes only after everything it owned: until then its document remembers that something is left. */
  private async deletedAccounts(signal: AbortSignal): Promise<number> {
    const { users } = this.collections;
    let removed = 0;
    const deleted = users.find({ deletedAt: { $exists: true } }, { claims: 1 }, { batchSize: 1 }).lean();
    for await (const { _id, claims } of deleted) {
      for (const isDeleted of [false, true]) await this.purge.purgeAll({ userId: _id, isDeleted }, signal);
      await this.lost.purge(this.purge, { userId: _id }, signal);
      await this.purge.purgeAllHeld(_id, signal);
      // A running upload holds a claim and could still complete; without one beforehand nothing can come any more,
      // since no inactive account is given a new one.
      if (claims && claims.length > 0) continue;
      // Files of a lost content may have come back since they were looked for.
      if (await this.hasFiles(_id)) continue;
      await removeRemains(this.collections, _id);
      removed += (await users.deleteOne({ _id })).deletedCount;
    }
    return removed;
  }

  /** Whether anything is left that only the account leads to; what is lost is asked for first, since it may come back. */
  private async hasFiles(userId: ObjectId): Promise<boolean> {
    const { files } = this.collections;
    if (await files.exists({ lostAt: { $gt: NEVER }, userId })) return true;
    if (await files.exists({ quarantinedAt: { $gt: NEVER }, userId })) return true;
    return Boolean(await files.exists({ userId, isDeleted: { $in: [false, true] }, ...LISTED }));
  }
}

// A cursor that is not asked for ten minutes ends: as few documents at once as are surely dealt with by then.
const BATCHED = { batchSize: 100 };

const ago = (milliseconds: number) => new Date(Date.now() - milliseconds);
