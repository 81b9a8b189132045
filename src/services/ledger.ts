import type { Claim } from '../models/claim.ts';
import type { Collection, Expression, Filter, ObjectId } from '../models/object-id.ts';

interface Counted {
  _id: ObjectId;
  claims?: Claim[];
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
  private readonly onRelease: Expression;

  /** `onRelease` is merged into the update that gives counts back, as aggregation expressions. */
  constructor(collection: Collection<Counted>, count: string, onRelease: Expression = {}) {
    this.collection = collection;
    this.count = count;
    this.onRelease = onRelease;
  }

  /** Adds the amount under a new claim; false when the owner does not meet `condition` or the claim exists. */
  async claim(
    owner: ObjectId,
    file: ObjectId,
    amount: number,
    condition: Filter<Counted> = {},
  ): Promise<boolean> {
    const result = await this.collection.updateOne(
      { _id: owner, 'claims.file': { $ne: file }, ...condition },
      { $inc: { [this.count]: amount }, $push: { claims: { file, amount, at: new Date() } } },
    );
    return result.modifiedCount === 1;
  }

  /** Adds more to an existing claim; false when the owner does not meet `condition` or the claim is gone. */
  async raise(
    owner: ObjectId,
    file: ObjectId,
    amount: number,
    condition: Filter<Counted> = {},
  ): Promise<boolean> {
    const result = await this.collection.updateOne(
      { _id: owner, 'claims.file': file, ...condition },
      { $inc: { [this.count]: amount, 'claims.$.amount': amount }, $set: { 'claims.$.at': new Date() } },
    );
    return result.modifiedCount === 1;
  }

  /** Puts an amount that is already counted under a claim, so that removing its file can give it back; false if it was. */
  async reclaim(owner: ObjectId, file: ObjectId, amount: number): Promise<boolean> {
    const result = await this.collection.updateOne(
      { _id: owner, 'claims.file': { $ne: file } },
      { $push: { claims: { file, amount, at: new Date() } } },
    );
    return result.modifiedCount === 1;
  }

  /** The file is COMPLETED: exactly `amount` stays counted and the claim ends. */
  async settle(owner: ObjectId, file: ObjectId, amount: number): Promise<void> {
    await this.collection.updateOne({ _id: owner, 'claims.file': file }, [
      { $set: { [this.count]: { $add: [`$${this.count}`, amount, { $multiply: [-1, claimed(file)] }] } } },
      { $set: { claims: without(file) } },
    ]);
  }

  /** The file is gone: what was claimed for it goes back and the claim ends. */
  async release(owner: ObjectId, file: ObjectId): Promise<void> {
    await this.collection.updateOne({ _id: owner, 'claims.file': file }, [
      { $set: { [this.count]: { $subtract: [`$${this.count}`, claimed(file)] } } },
      { $set: { claims: without(file), ...this.onRelease } },
    ]);
  }

  /** Claims made before the given time, whose writers may be dead. */
  async *stale(before: Date): AsyncIterable<StaleClaim> {
    const owners = this.collection.find({ 'claims.at': { $lt: before } }, { projection: { claims: 1 } });
    for await (const owner of owners) {
      for (const claim of owner.claims ?? []) {
        if (claim.at < before) yield { owner: owner._id, claim };
      }
    }
  }
}

const claimed = (file: ObjectId): Expression => ({
  $sum: {
    $map: {
      input: { $filter: { input: '$claims', cond: { $eq: ['$$this.file', file] } } },
      in: '$$this.amount',
    },
  },
});

// An empty array would stay in the sparse index of unsettled claims, a removed field does not.
const without = (file: ObjectId): Expression => ({
  $let: {
    vars: { left: { $filter: { input: '$claims', cond: { $ne: ['$$this.file', file] } } } },
    in: { $cond: [{ $eq: ['$$left', []] }, '$$REMOVE', '$$left'] },
  },
});
