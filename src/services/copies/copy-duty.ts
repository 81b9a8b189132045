import { setTimeout as pause } from 'node:timers/promises';
import type { Stores } from '../../blobs/stores.ts';
import { AppError } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Place } from '../../models/place.ts';
import { atOnce } from '../at-once.ts';
import { isInfected } from '../scanning/judgement.ts';
import type { BackupWalk } from './backup-walk.ts';
import type { BlobCopies } from './blob-copies.ts';
import { type BlobPlacement, backupFor, formerPlaces } from './blob-placement.ts';
import { isKept } from './kept-blobs.ts';

const AT_ONCE = 2;
const BATCH = 50;
const MOST_STEPS = 6;
const FIRST_DELAY_MS = 10_000;
const LONGEST_DELAY_MS = 3_600_000;

/** Told of each copy that was made or failed. */
export interface CopyObserver {
  copied(blob: ObjectId, kind: 'backup' | 'repair', place: Place): void;
  failed(blob: ObjectId, error: unknown, again: { tries: number; inMs: number }): void;
}

/**
 * Looks after the blobs that are due: repairs a first copy that was found damaged, makes the second copy that is
 * configured and tells the files where their blob lies. Only what `copyDueAt` says is work, so that a restart resumes.
 */
export class CopyDuty {
  private readonly blobs: Collections['blobs'];
  private readonly stores: Stores;
  private readonly copies: BlobCopies;
  private readonly placement: BlobPlacement;
  private readonly walk: BackupWalk;
  private readonly observer: CopyObserver;

  constructor(parts: {
    blobs: Collections['blobs'];
    stores: Stores;
    copies: BlobCopies;
    placement: BlobPlacement;
    walk: BackupWalk;
    observer: CopyObserver;
  }) {
    this.blobs = parts.blobs;
    this.stores = parts.stores;
    this.copies = parts.copies;
    this.placement = parts.placement;
    this.walk = parts.walk;
    this.observer = parts.observer;
  }

  /** How many blobs are due now. */
  dueCount(): Promise<number> {
    return this.blobs.countDocuments({ copyDueAt: { $lte: new Date() } });
  }

  /** Whether there is anything to do now. */
  async isNeeded(): Promise<boolean> {
    return Boolean(await this.blobs.exists({ copyDueAt: { $lte: new Date() } })) || this.walk.isNeeded();
  }

  /** Looks after everything that is due, a few blobs at once; resolves with how many there were, failures included. */
  async run(signal: AbortSignal): Promise<number> {
    let dealtWith = 0;
    for (;;) {
      const due = await this.blobs
        .find({ copyDueAt: { $lte: new Date() } }, { _id: 1 })
        .sort({ copyDueAt: 1 })
        .limit(BATCH)
        .lean();
      // Only an empty queue is filled from among the old blobs: what was just uploaded does not wait behind all of them.
      if (due.length === 0 && !(await this.walk.advance(signal))) return dealtWith;
      for await (const _done of atOnce(AT_ONCE, due, ({ _id }) => this.attend(_id, signal))) {
        signal.throwIfAborted();
        dealtWith += 1;
      }
    }
  }

  private async attend(id: ObjectId, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const due = await this.placement.find(id);
    if (!due?.copyDueAt) return;
    try {
      await this.finish(due, signal);
    } catch (error) {
      signal.throwIfAborted();
      const tries = (due.copyTries ?? 0) + 1;
      const inMs = backOff(tries - 1);
      // Damage that the failed step has noted, or what a read has, is not new to who has just failed at it.
      const now = await this.placement.find(id);
      if (now?.copyDueAt) await this.placement.putOff(now, inMs);
      this.observer.failed(id, error, { tries, inMs });
      // A database or a backend that fails at once must not make this a busy loop.
      await pause(10);
    }
  }

  /** Each step leaves the document a little better; what is left to do, the document says. */
  private async finish(due: Blob, signal: AbortSignal): Promise<void> {
    let blob: Blob | null = due;
    for (let step = 0; step < MOST_STEPS; step += 1) {
      if (!blob?.copyDueAt) return;
      // What is in quarantine is kept, but nothing more is made of it.
      const backup = isKept(blob) && !isInfected(blob) ? backupFor(this.stores, blob) : null;
      const second = backup && blob.replicas?.find(({ provider }) => provider === backup.provider);
      if (isKept(blob) && blob.damagedAt) await this.repair(blob, signal);
      else if (second && !(await this.copies.isThere(blob, second)))
        await this.placement.noteDamage(blob, second);
      else if (backup && !second) await this.backUp(blob, backup, signal);
      else return this.placement.settle(blob);
      blob = await this.placement.find(blob._id);
    }
    throw new AppError('CONFLICT', 'The blob is changed again and again.');
  }

  /** What was found damaged may have been a mount that was missing: it is looked at first. */
  private async repair(blob: Blob, signal: AbortSignal): Promise<void> {
    if (await this.copies.verify(blob, blob, { signal })) return this.placement.clearDamage(blob);
    const sources = [...(blob.replicas ?? []), ...formerPlaces(blob)];
    const place = await this.copies.copyFromAny(blob, sources, this.stores.of(blob), { signal });
    if (await this.placement.becomePrimary(blob, place)) this.observer.copied(blob._id, 'repair', place);
    else await this.copies.discard(blob, place);
  }

  private async backUp(blob: Blob, backup: NonNullable<Stores['backup']>, signal: AbortSignal) {
    const sources = [blob, ...(blob.replicas ?? [])];
    const place = await this.copies.copyFromAny(blob, sources, backup, { signal });
    if (await this.placement.becomeReplica(blob, place)) this.observer.copied(blob._id, 'backup', place);
    else await this.copies.discard(blob, place);
  }
}

/** How long to wait after so many failures: 10 s, doubled each time, at most an hour, shortened by up to a fifth at random. */
export function backOff(failures: number): number {
  const delay = Math.min(FIRST_DELAY_MS * 2 ** Math.min(failures, 20), LONGEST_DELAY_MS);
  return Math.round(delay * (1 - Math.random() / 5));
}
