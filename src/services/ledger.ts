import { setTimeout as pause } from 'node:timers/promises';
import type { Claim } from '../models/claim.ts';
import type { Collection, Expression, Filter, ObjectId } from '../models/object-id.ts';
import { GroupCommit } from './group-commit.ts';

// Long enough to gather the claims of uploads that run side by side, short enough that nobody meets them.
const SETTLE_DELAY_MS = 20;

interface Counted {
  _id: ObjectId;
  claims?: Claim[];
}

interface NewClaim {
  readonly owner: ObjectId;
  readonly file: ObjectId;
  readonly amount: number;
  readonly spare: number;
}

/** What a ledger may be given beside its collection and the name of its count. */
export interface LedgerRules {
  /** What an owner must meet for so much more to be counted, by so many new claims; without it there is always room. */
  readonly room?: (amount: number, claims: number) => Filter<Counted>;
  /** Appended to the pipeline that gives counts back. */
  readonly onRelease?: readonly Expression[];
  /** Appended to the pipeline that settles a claim. */
  readonly onSettle?: readonly Expression[];
}

/** A claim that has waited for longer than an upload may take, with the document that counts it. */
export interface StaleClaim {
  owner: ObjectId;
  claim: Claim;
}

/**
 * Counts that follow files across documents without a transaction; models/claim.ts tells the idea.
 * Each method is one atomic step on one document and may be repeated after a crash without counting twice.
 */
export class Ledger {
  private readonly collection: Collection<Counted>;
  private readonly count: string;
  private readonly onRelease: readonly Expression[];
  private readonly onSettle: readonly Expression[];
  private readonly room: (amount: number, claims: number) => Filter<Counted>;
  private readonly claims = new GroupCommit<NewClaim, boolean>((claims) => this.claimAll(claims));
  private settled: { owners: ObjectId[]; files: ObjectId[] } = { owners: [], files: [] };
  private gathering: Promise<void> | undefined;
  private flushing: Promise<void> | undefined;

  constructor(collection: Collection<Counted>, count: string, rules: LedgerRules = {}) {
    this.collection = collection;
    this.count = count;
    this.room = rules.room ?? (() => ({}));
    this.onRelease = rules.onRelease ?? [];
    this.onSettle = rules.onSettle ?? [];
  }

  /**
   * Adds the amount under a new claim; false when the owner has no room for it, and for `spare` more that is not
   * counted, or when the claim exists.
   */
  claim(owner: ObjectId, file: ObjectId, amount: number, spare = 0): Promise<boolean> {
    return this.claims.add({ owner, file, amount, spare });
  }

  /** Adds more to an existing claim; false when the owner has no room for it and the spare, or the claim is gone. */
  async raise(owner: ObjectId, file: ObjectId, amount: number, spare = 0): Promise<boolean> {
    const result = await this.collection.updateOne(
      { _id: owner, 'claims.file': file, ...this.room(amount + spare, 0) },
      { $inc: { [this.count]: amount, 'claims.$.amount': amount }, $set: { 'claims.$.at': new Date() } },
    );
    return result.modifiedCount === 1;
  }

  /**
   * Puts what is counted for a file under a claim that can only be released, so that removing the file can give it back;
   * false if there is such a claim. One of the file’s upload that is not settled yet becomes it, with its own amount.
   */
  async reclaim(owner: ObjectId, file: ObjectId, amount: number): Promise<boolean> {
    const leaving = { file, amount: { $ifNull: [claimedOnce(file), amount] }, at: '$$NOW', leaving: true };
    const result = await this.collection.updateOne(
      { _id: owner, claims: { $not: { $elemMatch: { file, leaving: true } } } },
      [{ $set: { claims: { $concatArrays: [others(file), [leaving]] } } }],
    );
    return result.modifiedCount === 1;
  }

  /** Takes a claim that `reclaim` made back without a change of the count: another removal had counted already. */
  async withdraw(owner: ObjectId, file: ObjectId): Promise<void> {
    await this.collection.updateOne({ _id: owner, 'claims.file': file }, [
      { $set: { claims: others(file) } },
    ]);
  }

  /** The file is COMPLETED: exactly `amount` stays counted and the claim ends. */
  async settle(owner: ObjectId, file: ObjectId, amount: number): Promise<void> {
    await this.collection.updateOne(
      { _id: owner, claims: { $elemMatch: { file, leaving: { $ne: true } } } },
      [
        {
          $set: {
            [this.count]: { $add: [`$${this.count}`, amount, { $multiply: [-1, claimed(file)] }] },
            claims: others(file),
          },
        },
        ...this.onSettle,
      ],
    );
  }

  /**
   * The file is COMPLETED and exactly what was claimed for it stays counted, so only the claim has to go, and not at
   * once: claims that end about the same time go in one write. A crash before it leaves a claim for the sweep.
   */
  settleSoon(owner: ObjectId, file: ObjectId): void {
    this.settled.owners.push(owner);
    this.settled.files.push(file);
    this.gathering ??= this.flushing = pause(SETTLE_DELAY_MS).then(() => this.flush());
  }

  /** Resolves once every claim that `settleSoon` was told of has gone, or is left to the sweep. */
  async settledAll(): Promise<void> {
    for (let last: unknown; last !== this.flushing; ) {
      last = this.flushing;
      await last;
    }
  }

  private async claimAll(claims: readonly NewClaim[]): Promise<boolean[]> {
    const made = new Map<NewClaim, boolean>();
    const owners = Map.groupBy(claims, ({ owner }) => owner.toHexString());
    await Promise.all([...owners.values()].map((group) => this.claimTogether(group, made)));
    return claims.map((claim) => made.get(claim) ?? false);
  }

  /** One step for all claims on an owner; where they do not all fit, each is tried by itself. */
  private async claimTogether(group: readonly NewClaim[], made: Map<NewClaim, boolean>): Promise<void> {
    const [first] = group;
    if (!first) return;
    const at = new Date();
    const total = group.reduce((sum, { amount }) => sum + amount, 0);
    const spare = Math.max(...group.map((claim) => claim.spare));
    const added = group.map(({ file, amount }) => ({ file, amount, at }));
    const { modifiedCount } = await this.collection.updateOne(
      {
        _id: first.owner,
        'claims.file': { $nin: group.map(({ file }) => file) },
        ...this.room(total + spare, group.length),
      },
      { $inc: { [this.count]: total }, $push: { claims: { $each: added } } },
    );
    if (modifiedCount === 1 || group.length === 1) {
      for (const claim of group) made.set(claim, modifiedCount === 1);
    } else {
      for (const claim of group) await this.claimTogether([claim], made);
    }
  }

  private async flush(): Promise<void> {
    const { owners, files } = this.settled;
    this.settled = { owners: [], files: [] };
    this.gathering = undefined;
    await this.collection
      .updateMany(
        { _id: { $in: owners } },
        { $pull: { claims: { file: { $in: files }, leaving: { $ne: true } } } },
        { writeConcern: { w: 1, journal: false } },
      )
      // What is not settled now, the sweep settles.
      .catch(() => undefined);
  }

  /** The file is gone: what was claimed for it goes back and the claim ends. */
  async release(owner: ObjectId, file: ObjectId): Promise<void> {
    await this.collection.updateOne({ _id: owner, 'claims.file': file }, [
      {
        $set: {
          [this.count]: { $subtract: [`$${this.count}`, claimed(file)] },
          claims: others(file),
        },
      },
      ...this.onRelease,
    ]);
  }

  /** Claims made before the given time, whose writers may be dead. */
  async *stale(before: Date): AsyncIterable<StaleClaim> {
    const owners = this.collection.find(
      { 'claims.at': { $lt: before } },
      { projection: { claims: 1 }, batchSize: 100 },
    );
    for await (const owner of owners) {
      for (const claim of owner.claims ?? []) {
        if (claim.at < before) yield { owner: owner._id, claim };
      }
    }
  }
}

const CLAIMS = { $ifNull: ['$claims', []] };

const amounts = (file: ObjectId): Expression => ({
  $map: { input: { $filter: { input: CLAIMS, cond: { $eq: ['$$this.file', file] } } }, in: '$$this.amount' },
});
const claimed = (file: ObjectId): Expression => ({ $sum: amounts(file) });
const claimedOnce = (file: ObjectId): Expression => ({ $first: amounts(file) });

const others = (file: ObjectId): Expression => ({
  $filter: { input: CLAIMS, cond: { $ne: ['$$this.file', file] } },
});
