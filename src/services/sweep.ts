import type { Stores } from '../blobs/stores.ts';
import type { Collections } from '../models/collections.ts';
import { LISTED, NEVER } from '../models/file.ts';
import { UploadStatus } from '../models/file-enums.ts';
import { BlobDisposal } from './blob-disposal.ts';
import type { BlobReferences } from './blob-references.ts';
import type { FilePurge } from './file-purge.ts';
import type { Ledger } from './ledger.ts';
import type { UploadUndo } from './upload-undo.ts';

/** After how long each kind of leftover is taken for one; milliseconds. */
export interface SweepAges {
  /** An upload without a sign of life. */
  readonly staleUpload: number;
  /** A blob that nothing refers to. */
  readonly unreferencedBlob: number;
  /** A file in the trash. */
  readonly trash: number;
}

/** The steps of a sweep, in their order, each with what it looks for. */
export const SWEEP_STEPS = {
  uploads: 'undo uploads that show no sign of life, and direct uploads that were not completed in time',
  purges: 'finish removals that were interrupted',
  claims: 'settle or release counts whose uploads or removals ended',
  expired: 'put files past their expiry date into the trash',
  trash: 'remove what has been in the trash for long enough',
  accounts: 'remove what deleted accounts left, then the accounts',
  blobs: 'delete blobs that nothing refers to any more',
  leftovers: 'delete copies that were replaced or never finished',
  unfinished: 'abort what killed writers left unfinished in the stores',
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
  private readonly undo: UploadUndo;
  private readonly ages: SweepAges;

  constructor(parts: {
    collections: Collections;
    stores: Stores;
    references: BlobReferences;
    usage: Ledger;
    purge: FilePurge;
    undo: UploadUndo;
    ages: SweepAges;
  }) {
    this.collections = parts.collections;
    this.stores = parts.stores;
    this.disposal = new BlobDisposal(parts.collections, parts.stores);
    this.references = parts.references;
    this.usage = parts.usage;
    this.purge = parts.purge;
    this.undo = parts.undo;
    this.ages = parts.ages;
  }

  /** One pass over every kind of leftover; resolves with what it found. */
  async run(): Promise<SweepReport> {
    const report: Partial<SweepReport> = {};
    for (const name of Object.keys(SWEEP_STEPS) as SweepStep[]) report[name] = await this.step(name);
    return report as SweepReport;
  }

  /** One pass over one kind of leftover; resolves with how many it dealt with. */
  async step(name: SweepStep): Promise<number> {
    const stale = ago(this.ages.staleUpload);
    const steps: Record<SweepStep, () => Promise<number>> = {
      uploads: () => this.staleUploads(stale),
      purges: () => this.interruptedPurges(stale),
      claims: async () =>
        (await this.staleClaims(this.usage, stale)) + (await this.staleClaims(this.references.ledger, stale)),
      expired: () => this.expiredFiles(),
      trash: () => this.oldTrash(),
      accounts: () => this.deletedAccounts(),
      blobs: () => this.disposal.deleteUnreferenced(ago(this.ages.unreferencedBlob)),
      leftovers: () => this.disposal.deleteLeftovers(),
      unfinished: () => this.unfinishedWrites(stale),
    };
    return steps[name]();
  }

  private async unfinishedWrites(before: Date): Promise<number> {
    let swept = 0;
    for (const store of this.stores.all) swept += await store.sweepUnfinished(before);
    return swept;
  }

  private async staleUploads(before: Date): Promise<number> {
    let undone = 0;
    for await (const file of this.collections.files
      .find({ heartbeatAt: { $lt: before } }, { _id: 1 })
      .lean()) {
      if (await this.undo.undo(file._id)) undone += 1;
    }
    return undone;
  }

  private async interruptedPurges(before: Date): Promise<number> {
    let finished = 0;
    const { files } = this.collections;
    for await (const { _id, purgingAt } of files
      .find({ purgingAt: { $lt: before } }, { purgingAt: 1 })
      .lean()) {
      // Only one node may carry on with it: two would take each other’s claims for their own.
      const taken = { _id, purgingAt } as never;
      const file = await files.findOneAndUpdate(taken, { $set: { purgingAt: new Date() } }).lean();
      if (!file) continue;
      await this.purge.finish(file);
      finished += 1;
    }
    return finished;
  }

  private async staleClaims(ledger: Ledger, before: Date): Promise<number> {
    let ended = 0;
    for await (const { owner, claim } of ledger.stale(before)) {
      const file = await this.collections.files
        .findById(claim.file, { uploadStatus: 1, fileSize: 1, blob: 1 })
        .lean();
      // The file itself is unfinished: its upload or its purge is carried on first, the claim with it.
      if (file && file.uploadStatus !== UploadStatus.COMPLETED) continue;
      const stays = file && (ledger === this.usage ? file.fileSize : Number(file.blob?.equals(owner) ?? 0));
      if (stays) await ledger.settle(owner, claim.file, stays);
      else await ledger.release(owner, claim.file);
      ended += 1;
    }
    return ended;
  }

  private async expiredFiles(): Promise<number> {
    const now = new Date();
    const { modifiedCount } = await this.collections.files.updateMany(
      { expiryDate: { $gt: NEVER, $lte: now }, isDeleted: false, ...LISTED },
      { $set: { isDeleted: true, deletedAt: now } },
    );
    return modifiedCount;
  }

  private oldTrash(): Promise<number> {
    return this.purge.purgeAll({ isDeleted: true, deletedAt: { $lt: ago(this.ages.trash) } });
  }

  /** An account goes only after everything it owned: until then its document remembers that something is left. */
  private async deletedAccounts(): Promise<number> {
    const { users, sessions } = this.collections;
    let removed = 0;
    for await (const { _id, claims } of users.find({ deletedAt: { $exists: true } }, { claims: 1 }).lean()) {
      for (const isDeleted of [false, true]) await this.purge.purgeAll({ userId: _id, isDeleted });
      // A running upload holds a claim and could still complete; without one beforehand nothing can come any more,
      // since no inactive account is given a new one.
      if (claims && claims.length > 0) continue;
      await sessions.deleteMany({ userId: _id });
      removed += (await users.deleteOne({ _id })).deletedCount;
    }
    return removed;
  }
}

const ago = (milliseconds: number) => new Date(Date.now() - milliseconds);
