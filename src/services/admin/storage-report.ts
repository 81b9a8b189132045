import type { Collections } from '../../models/collections.ts';
import { NEVER } from '../../models/file.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { Role } from '../../models/user.ts';

/** An account by what it uses; bytes. */
export interface AccountBytes {
  readonly userId: ObjectId;
  readonly usedBytes: number;
  readonly quotaBytes: number | null;
}

/** What a provider holds as first copies. */
export interface ProviderSum {
  readonly provider: string;
  readonly contents: number;
  readonly bytes: number;
}

/** Sums over everything that is stored. */
export interface StorageFigures {
  readonly asOf: Date;
  readonly accounts: number;
  readonly activeAccounts: number;
  readonly administrators: number;
  readonly files: number;
  readonly bytes: number;
  readonly storedByProvider: ProviderSum[];
  readonly trashedFiles: number;
  readonly unfinishedUploads: number;
  readonly contentsWaitingForCopies: number;
  readonly contentsWaitingForScan: number;
  readonly lostFiles: number;
  readonly quarantinedFiles: number;
  readonly largestAccounts: AccountBytes[];
}

const LEAST_AGE_MS = 60_000;
// Of its time, so that sums over however much is stored take a twentieth of it at the most.
const REST_FACTOR = 20;
const LARGEST = 10;

/** Sums over everything that is stored, made at most once a minute, and seldom where making them takes long. */
export class StorageReports {
  private readonly collections: Pick<Collections, 'users' | 'files' | 'blobs'>;
  private readonly now: () => number;
  private latest: Promise<StorageFigures> | null = null;
  private until = 0;

  /** The clock, monotonic and in milliseconds, may be given. */
  constructor(
    collections: Pick<Collections, 'users' | 'files' | 'blobs'>,
    now: () => number = () => performance.now(),
  ) {
    this.collections = collections;
    this.now = now;
  }

  /** The latest sums; whoever asks while they are made waits for the same. */
  get(): Promise<StorageFigures> {
    if (this.latest && this.now() < this.until) return this.latest;
    const began = this.now();
    const made = this.make();
    this.latest = made;
    this.until = Number.POSITIVE_INFINITY;
    made.then(
      () => {
        const end = this.now();
        this.until = end + Math.max(LEAST_AGE_MS, (end - began) * REST_FACTOR);
      },
      () => {
        this.latest = null;
      },
    );
    return made;
  }

  private async make(): Promise<StorageFigures> {
    const { users, files, blobs } = this.collections;
    const asOf = new Date();
    // One after another: several at once would press the working set of everybody else out of the database’s memory.
    const accounts = await this.accounts();
    const storedByProvider = await this.providers();
    const count = (model: Countable, filter: object, hint: string) =>
      model.collection.countDocuments(filter as never, { hint });
    const trashedFiles = await count(files, { isDeleted: true, deletedAt: { $gt: NEVER } }, 'trash');
    const unfinishedUploads = await count(files, { heartbeatAt: { $gt: NEVER } }, 'unfinished_uploads');
    const lostFiles = await count(files, { lostAt: { $gt: NEVER } }, 'lost');
    const quarantinedFiles = await count(files, { quarantinedAt: { $gt: NEVER } }, 'quarantine');
    const all = await files.estimatedDocumentCount();
    return {
      asOf,
      ...accounts,
      administrators: await count(
        users,
        { role: Role.ADMIN, isActive: true, deletedAt: null },
        'administrators',
      ),
      files: Math.max(all - unfinishedUploads - lostFiles - quarantinedFiles, 0),
      storedByProvider,
      trashedFiles,
      unfinishedUploads,
      lostFiles,
      quarantinedFiles,
      contentsWaitingForCopies: await count(blobs, { copyDueAt: { $gt: NEVER } }, 'copies_due'),
      contentsWaitingForScan: await count(blobs, { scanDueAt: { $gt: NEVER } }, 'scans_due'),
    };
  }

  /** One walk over the accounts, since an index of what they use would be written with every upload. */
  private async accounts() {
    const [sum] = await this.collections.users.collection
      .aggregate<AccountSum>(
        [
          { $match: { deletedAt: null } },
          {
            $group: {
              _id: null,
              accounts: { $sum: 1 },
              activeAccounts: { $sum: { $cond: ['$isActive', 1, 0] } },
              bytes: { $sum: '$usedBytes' },
              largestAccounts: {
                $topN: {
                  n: LARGEST,
                  sortBy: { usedBytes: -1, _id: 1 },
                  output: { userId: '$_id', usedBytes: '$usedBytes', quotaBytes: '$quotaBytes' },
                },
              },
            },
          },
        ],
        { hint: '_id_' },
      )
      .toArray();
    const { accounts, activeAccounts, bytes, largestAccounts } = sum ?? NOBODY;
    const largest = largestAccounts.map((each) => ({ ...each, quotaBytes: each.quotaBytes ?? null }));
    return { accounts, activeAccounts, bytes, largestAccounts: largest };
  }

  private async providers(): Promise<ProviderSum[]> {
    const sums = this.collections.blobs.collection.aggregate<Omit<ProviderSum, 'provider'> & { _id: string }>(
      [
        { $match: { provider: { $gt: '' } } },
        { $group: { _id: '$provider', contents: { $sum: 1 }, bytes: { $sum: '$size' } } },
      ],
      { hint: 'stored_bytes' },
    );
    return (await sums.toArray())
      .map(({ _id, contents, bytes }) => ({ provider: _id, contents, bytes }))
      .sort((a, b) => (a.provider < b.provider ? -1 : 1));
  }
}

type Countable = { readonly collection: Collections['files']['collection'] };
type AccountSum = Pick<StorageFigures, 'accounts' | 'activeAccounts' | 'bytes' | 'largestAccounts'>;

const NOBODY: AccountSum = { accounts: 0, activeAccounts: 0, bytes: 0, largestAccounts: [] };
