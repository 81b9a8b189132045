import type { Stores } from '../../blobs/stores.ts';
import { AppError } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { type Filter, ObjectId, parseId } from '../../models/object-id.ts';
import type { Place } from '../../models/place.ts';
import { CASE_INSENSITIVE } from '../../models/user.ts';
import { refersTo } from '../versions/contents.ts';
import type { BlobCopies } from './blob-copies.ts';
import { type BlobPlacement, backupFor } from './blob-placement.ts';
import { storedSize } from './content-keys.ts';
import { isKept, KEPT } from './kept-blobs.ts';
import type { Throttle } from './throttle.ts';

const AT_ONCE = 4;
const BATCH = 200;
const MOST_TRIES = 3;
// Ids hold the clock of the machine that made them: the second look begins this long before the move did.
const CLOCKS_DIFFER_MS = 3_600_000;

/** Which blobs are to be moved, and where to; both are names of configured providers. */
export interface MoveOrder {
  readonly from: string;
  readonly to: string;
  /** Only blobs that a file of this user refers to, whoever else does. */
  readonly userId?: ObjectId | undefined;
  /** Only blobs that were stored before then. */
  readonly before?: Date | undefined;
}

/** How much there is, or was, to move. */
export interface MoveSum {
  blobs: number;
  bytes: number;
}

/** Is told how a move goes on. */
export interface MoveObserver {
  /** Bytes have been copied. */
  copied(bytes: number): void;
  /** A blob is moved; `adopted` says that a copy of it was there already. */
  moved(blob: Blob, adopted: boolean): void;
  /** A blob stays where it is. */
  failed(blob: Blob, error: unknown): void;
}

/** How a move is done. */
export interface MoveOptions {
  readonly signal: AbortSignal;
  readonly observer: MoveObserver;
  /** Bounds what all copies together may read. */
  readonly rate?: Throttle | undefined;
}

/**
 * Moves blobs from one provider to another while they are read and others come. Nothing is remembered of a move but
 * where each blob lies, so that one which was stopped goes on when it is begun again.
 */
export class BlobMoves {
  private readonly collections: Pick<Collections, 'users' | 'blobs' | 'files'>;
  private readonly stores: Stores;
  private readonly copies: BlobCopies;
  private readonly placement: BlobPlacement;

  constructor(parts: {
    collections: Pick<Collections, 'users' | 'blobs' | 'files'>;
    stores: Stores;
    copies: BlobCopies;
    placement: BlobPlacement;
  }) {
    this.collections = parts.collections;
    this.stores = parts.stores;
    this.copies = parts.copies;
    this.placement = parts.placement;
  }

  /** The id of the user that has this id, name or address; rejects with NOT_FOUND when none has. */
  async userOf(text: string): Promise<ObjectId> {
    const { users } = this.collections;
    const id = parseId(text);
    const user =
      (id && (await users.findById(id, { _id: 1 }).lean())) ??
      (await users.findOne({ email: { $eq: text.toLowerCase() } }, { _id: 1 }).lean()) ??
      (await users
        .findOne({ username: { $eq: text } }, { _id: 1 })
        .collation(CASE_INSENSITIVE)
        .lean());
    if (!user) throw new AppError('NOT_FOUND', `There is no user ${text}.`);
    return user._id;
  }

  /** How much the order is about now. */
  async sum(order: MoveOrder, signal?: AbortSignal): Promise<MoveSum> {
    const sum = { blobs: 0, bytes: 0 };
    for await (const blob of this.ordered(order)) {
      signal?.throwIfAborted();
      sum.blobs += 1;
      sum.bytes += storedSize(blob);
    }
    return sum;
  }

  /**
   * Moves every blob of the order, a few at once; what comes to the old provider before the end is moved too. Resolves
   * with how much was moved; a blob that fails is told to the observer and stays. Rejects with the signal’s reason once
   * all copies in flight are taken back.
   */
  async move(order: MoveOrder, options: MoveOptions): Promise<MoveSum> {
    const moved = { blobs: 0, bytes: 0 };
    const began = Date.now() - CLOCKS_DIFFER_MS;
    const failed = new Set<string>();
    let after: ObjectId | undefined;
    for (;;) {
      const before = moved.blobs;
      const blobs = this.ordered(order, after)[Symbol.asyncIterator]();
      const workers = Array.from({ length: AT_ONCE }, async () => {
        for (let next = await blobs.next(); !next.done; next = await blobs.next()) {
          options.signal.throwIfAborted();
          const blob = next.value;
          if (failed.has(blob._id.toHexString())) continue;
          const end = await this.moveOne(blob, order, options);
          if (end === 'moved') {
            moved.blobs += 1;
            moved.bytes += storedSize(blob);
          } else if (end === 'failed' && blob._id.getTimestamp().getTime() >= began) {
            failed.add(blob._id.toHexString());
          }
        }
      });
      const ends = await Promise.allSettled(workers);
      options.signal.throwIfAborted();
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
      if (after && moved.blobs === before) return moved;
      // Ids do not quite ascend in time, and an upload may have been under way: what came since is looked for once more.
      after = ObjectId.createFromTime(Math.floor(began / 1000));
    }
  }

  private async moveOne(
    listed: Blob,
    order: MoveOrder,
    options: MoveOptions,
  ): Promise<'moved' | 'gone' | 'failed'> {
    try {
      let blob: Blob | null = listed;
      for (let tries = 0; tries < MOST_TRIES; tries += 1) {
        const adopted = await this.adopt(blob, order.to, options);
        const now = adopted ?? (await this.copyAndSwitch(blob, order.to, options));
        if (now) {
          if (backupFor(this.stores, now)) await this.placement.tellFiles(now);
          else await this.placement.settle(now);
          options.observer.moved(now, adopted !== null);
          return 'moved';
        }
        blob = await this.placement.find(blob._id);
        if (!blob || !isKept(blob) || blob.provider !== order.from) return 'gone';
      }
      throw new AppError('CONFLICT', 'The blob is changed again and again.');
    } catch (error) {
      options.signal.throwIfAborted();
      options.observer.failed(listed, error);
      return 'failed';
    }
  }

  /** A copy that is there already only has to be named first; read before, since the one it replaces is given up. */
  private async adopt(blob: Blob, to: string, { signal, rate }: MoveOptions): Promise<Blob | null> {
    const replica = blob.replicas?.find(({ provider }) => provider === to);
    if (!replica || !(await this.copies.verify(blob, replica, { signal, rate }))) return null;
    return this.placement.becomePrimary(blob, replica);
  }

  /** Null when the blob is gone, or its bytes lie elsewhere, since it was looked up. */
  private async copyAndSwitch(blob: Blob, to: string, options: MoveOptions): Promise<Blob | null> {
    const replicas = blob.replicas ?? [];
    const sources: Place[] = blob.damagedAt ? [...replicas, blob] : [blob, ...replicas];
    const store = this.stores.of({ provider: to });
    const { signal, rate, observer } = options;
    let place: Place;
    try {
      const onBytes = (bytes: number) => observer.copied(bytes);
      place = await this.copies.copyFromAny(blob, sources, store, { signal, rate, onBytes });
    } catch (error) {
      signal.throwIfAborted();
      if (!(await this.isStillThere(blob))) return null;
      throw error;
    }
    const now = await this.placement.becomePrimary(blob, place);
    if (!now) await this.copies.discard(blob, place);
    return now;
  }

  private async isStillThere({ _id, provider, key }: Blob): Promise<boolean> {
    return Boolean(await this.collections.blobs.exists({ _id, provider, key, ...KEPT }));
  }

  /** The blobs of the order in the order of their ids; those that come meanwhile are among them. */
  private async *ordered({ from, userId, before }: MoveOrder, after?: ObjectId): AsyncGenerator<Blob> {
    const { blobs, files } = this.collections;
    for (let last = after; ; ) {
      const filter: Filter<Blob> = { provider: from, ...KEPT, ...(last && { _id: { $gt: last } }) };
      if (before) filter.createdAt = { $lt: before };
      const batch = await blobs
        .find(filter as never)
        .sort({ _id: 1 })
        .limit(BATCH)
        .hint('by_provider')
        .lean<Blob[]>();
      for (const blob of batch) {
        if (!userId || (await files.exists({ ...refersTo(blob._id), userId }))) yield blob;
      }
      last = batch.at(-1)?._id;
      if (!last) return;
    }
  }
}
