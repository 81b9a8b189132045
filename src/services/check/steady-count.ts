import { setTimeout as pause } from 'node:timers/promises';
import type { Claim } from '../../models/claim.ts';
import type { Collection, Expression, Filter, ObjectId } from '../../models/object-id.ts';

/** What may hold a count, with the claims on it. */
export interface Owner {
  _id: ObjectId;
  claims?: Claim[];
}

/** A count that is wrong, as its document had it, and what it should be. */
export interface WrongCount {
  readonly count: number;
  readonly claims: readonly Claim[];
  readonly expected: number;
}

const LOOKS = 6;
/** How long what is under way gets to end before something is looked at once more. */
export const PAUSE_MS = 300;

/** A count of some documents, such as the bytes a user has, beside what it counts. */
export class SteadyCount {
  private readonly collection: Collection<Owner>;
  private readonly field: string;
  private readonly counted: (owner: ObjectId, claimed: ObjectId[]) => Promise<number>;

  /** `counted` sums up what the owner has without what is under a claim. */
  constructor(
    collection: Collection<Owner>,
    field: string,
    counted: (owner: ObjectId, claimed: ObjectId[]) => Promise<number>,
  ) {
    this.collection = collection;
    this.field = field;
    this.counted = counted;
  }

  /**
   * The count, when it is wrong by the same amount at two looks with a pause between; null when it is right, or changes
   * too often to be judged. A look counts only when the document was the same before and after the counting.
   */
  async wrong(owner: ObjectId, signal: AbortSignal): Promise<WrongCount | null> {
    let difference: number | undefined;
    for (let look = 0; look < LOOKS; look += 1) {
      if (look > 0) await pause(PAUSE_MS, undefined, { signal });
      const before = await this.read(owner);
      if (!before) return null;
      const { count, claims } = before;
      const files = claims.map(({ file }) => file);
      const claimed = claims.reduce((sum, { amount }) => sum + amount, 0);
      const expected = claimed + (await this.counted(owner, files));
      if (JSON.stringify(await this.read(owner)) !== JSON.stringify(before)) continue;
      if (count === expected) return null;
      if (difference === count - expected) return { count, claims, expected };
      difference = count - expected;
    }
    return null;
  }

  /** Sets the count right where neither it nor the claims have changed since; false when they have. */
  async setRight(owner: ObjectId, wrong: WrongCount, further: Expression = {}): Promise<boolean> {
    const { count, claims, expected } = wrong;
    const same = claims.length > 0 ? claims : { $in: [null, []] };
    const { matchedCount } = await this.collection.updateOne(
      { _id: owner, [this.field]: count, claims: same } as Filter<Owner>,
      [{ $set: { [this.field]: expected, ...further } }],
    );
    return matchedCount === 1;
  }

  private async read(owner: ObjectId): Promise<{ count: number; claims: Claim[] } | null> {
    const projection = { [this.field]: 1, claims: 1 };
    const found = await this.collection.findOne({ _id: owner }, { projection });
    return found && { count: (found as never)[this.field], claims: found.claims ?? [] };
  }
}
