import type { Collections } from '../../models/collections.ts';
import { LISTED, NEVER } from '../../models/file.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { bytesExcept } from '../versions/contents.ts';
import { mergeSorted } from './sorted-merge.ts';
import { SteadyCount } from './steady-count.ts';
import type { Suspicion } from './storage-findings.ts';

interface Used {
  readonly key: string;
  readonly bytes: number;
  readonly user?: ObjectId;
  readonly isClaimed?: boolean;
}

const BATCH = 1000;
// What is there without being in a list; each has an index.
const NOT_LISTED = ['heartbeatAt', 'purgingAt', 'lostAt', 'quarantinedAt'] as const;

/** Holds the bytes that each account is counted for against its files. */
export class UsageCheck {
  private readonly collections: Pick<Collections, 'users' | 'files'>;
  private readonly count: SteadyCount;

  constructor(collections: Pick<Collections, 'users' | 'files'>) {
    this.collections = collections;
    this.count = new SteadyCount(collections.users.collection as never, 'usedBytes', (user, claimed) =>
      this.bytesOf(user, claimed),
    );
  }

  /** Every account whose count may be wrong: one pass over the files sums up what each has. */
  async *suspicions(signal: AbortSignal): AsyncGenerator<Suspicion> {
    for await (const { left, right } of mergeSorted(this.accounts(), this.sums())) {
      signal.throwIfAborted();
      const [account] = left;
      if (!account?.user) continue;
      if (account.isClaimed || account.bytes !== (right[0]?.bytes ?? 0)) {
        yield this.wrongCount(account.user, signal);
      }
    }
  }

  private wrongCount(user: ObjectId, signal: AbortSignal): Suspicion {
    return {
      confirm: async () => {
        const wrong = await this.count.wrong(user, signal);
        if (!wrong) return null;
        const what = `${wrong.count} bytes are counted, there are ${wrong.expected}`;
        const repair = async () => {
          const isDone = await this.count.setRight(user, wrong);
          return isDone
            ? ({ outcome: 'repaired' } as const)
            : ({ outcome: 'failed', note: 'it changes too often' } as const);
        };
        return { finding: { kind: 'wrong-count', what, user }, repair };
      },
    };
  }

  private async *accounts(): AsyncGenerator<Used> {
    const found = this.collections.users
      .find({}, { usedBytes: 1, claims: 1 }, { batchSize: BATCH })
      .sort({ _id: 1 })
      .lean();
    for await (const { _id, usedBytes, claims } of found) {
      yield { key: String(_id), user: _id, bytes: usedBytes, isClaimed: (claims?.length ?? 0) > 0 };
    }
  }

  private async *sums(): AsyncGenerator<Used> {
    const bytes = { $sum: bytesExcept([]) };
    const sums = this.collections.files.aggregate<{ _id: ObjectId; bytes: number }>(
      [
        { $match: { userId: { $type: 'objectId' } } },
        { $group: { _id: '$userId', bytes } },
        { $sort: { _id: 1 } },
      ],
      { allowDiskUse: true, cursor: { batchSize: BATCH } },
    );
    for await (const { _id, bytes } of sums) yield { key: String(_id), bytes };
  }

  /** By indexes alone: lists hold what is completed, and each other state has its own. */
  private async bytesOf(userId: ObjectId, claimed: ObjectId[]): Promise<number> {
    const [sum] = await this.collections.files.aggregate<{ bytes: number }>([
      {
        $match: {
          $or: [
            { userId, isDeleted: { $in: [false, true] }, ...LISTED },
            ...NOT_LISTED.map((field) => ({ [field]: { $gt: NEVER }, userId })),
          ],
        },
      },
      { $group: { _id: null, bytes: { $sum: bytesExcept(claimed) } } },
    ]);
    return sum?.bytes ?? 0;
  }
}
