import { AppError } from '../errors.ts';
import type { Collections } from '../models/collections.ts';
import type { ObjectId } from '../models/object-id.ts';
import { Ledger } from './ledger.ts';

/** What an account may still store; bytes, or Infinity without a quota. */
export async function remainingBytes(users: Collections['users'], userId: ObjectId): Promise<number> {
  const user = await users.findById(userId, { quotaBytes: 1, usedBytes: 1 }).lean();
  if (!user) return 0;
  return user.quotaBytes === null ? Number.POSITIVE_INFINITY : Math.max(0, user.quotaBytes - user.usedBytes);
}

/** Whether an account may store so many bytes more; for the ledger of `usedBytes`. */
export const quotaRoom = (bytes: number) => ({
  isActive: true,
  $expr: { $lte: [{ $add: ['$usedBytes', bytes] }, { $ifNull: ['$quotaBytes', Number.MAX_SAFE_INTEGER] }] },
});

// How many more reservations of the same size must fit beside one that runs ahead.
const SPARE = 4;

/** The bytes one running upload has reserved of its owner's quota, always at least as many as it has received. */
export class Reservation {
  private readonly ledger: Ledger;
  private readonly owner: ObjectId;
  private readonly file: ObjectId;
  private reserved: number | null;
  private pending: Promise<unknown> = Promise.resolve();

  /** `reserved` is what was claimed for the file already, where something was. */
  constructor(ledger: Ledger, owner: ObjectId, file: ObjectId, reserved: number | null = null) {
    this.ledger = ledger;
    this.owner = owner;
    this.file = file;
    this.reserved = reserved;
  }

  /** How many bytes are reserved. */
  get bytes(): number {
    return this.reserved ?? 0;
  }

  /** Whether `total` bytes are reserved already. */
  covers(total: number): boolean {
    return this.reserved !== null && total <= this.reserved;
  }

  /** Reserves up to `total` bytes, and `ahead` more if the quota holds them; rejects with QUOTA_EXCEEDED. */
  async cover(total: number, ahead = 0): Promise<void> {
    if (this.covers(total)) return;
    // Far ahead only where it leaves room for others: uploads side by side must not refuse each other what both need.
    if (ahead > 0 && (await this.grow(total + ahead, SPARE * ahead))) return;
    if (await this.grow(total, 0)) return;
    throw new AppError('QUOTA_EXCEEDED', 'The account’s storage quota cannot hold this file.');
  }

  /** Resolves once no change of the reservation is under way; never rejects. */
  async idle(): Promise<void> {
    await this.pending.catch(() => undefined);
  }

  private async grow(total: number, spare: number): Promise<boolean> {
    const more = total - (this.reserved ?? 0);
    const change =
      this.reserved === null
        ? this.ledger.claim(this.owner, this.file, more, spare)
        : this.ledger.raise(this.owner, this.file, more, spare);
    this.pending = change;
    const grown = await change;
    if (grown) this.reserved = total;
    return grown;
  }
}
