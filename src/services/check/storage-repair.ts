import { type BlobStore, keyIn } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Place } from '../../models/place.ts';
import { type BlobCopies, SourceFailure } from '../copies/blob-copies.ts';
import { type BlobPlacement, formerPlaces } from '../copies/blob-placement.ts';
import type { ContentKeys } from '../copies/content-keys.ts';
import { copyState } from '../copies/copy-state.ts';
import type { LostContents } from './lost-contents.ts';
import { moveToLostFound } from './lost-found.ts';
import type { Outcome } from './storage-findings.ts';
import { isNamed, roleOf } from './stored-places.ts';

/** What became of a repair. */
export interface Repaired {
  readonly outcome: Outcome;
  readonly note?: string;
}

interface Options {
  readonly deep: boolean;
  readonly keys: ContentKeys;
  readonly signal: AbortSignal;
}

const CHANGED: Repaired = { outcome: 'failed', note: 'it changed while it was looked at; check again' };

/** Puts right what a check found. Every step looks once more at what it changes, and may be repeated after a crash. */
export class StorageRepair {
  private readonly collections: Pick<Collections, 'blobs' | 'files'>;
  private readonly stores: Stores;
  private readonly copies: BlobCopies;
  private readonly placement: BlobPlacement;
  private readonly lost: LostContents;

  constructor(parts: {
    collections: Pick<Collections, 'blobs' | 'files'>;
    stores: Stores;
    copies: BlobCopies;
    placement: BlobPlacement;
    lost: LostContents;
  }) {
    this.collections = parts.collections;
    this.stores = parts.stores;
    this.copies = parts.copies;
    this.placement = parts.placement;
    this.lost = parts.lost;
  }

  /**
   * A copy that is missing or wrong: any but the first is given up, so that the job makes another; the first comes back
   * from another copy, or from lost-found/. Without any of them the content is lost.
   */
  async copy(id: ObjectId, place: Place, { deep, keys, signal }: Options): Promise<Repaired> {
    const blob = await this.placement.find(id);
    const role = blob && roleOf(blob, place);
    if (!role || blob.lostAt) return { outcome: 'repaired', note: 'by somebody else' };
    const state = await copyState(this.stores.of(place), place.key, blob, { deep, keys, signal });
    if (state === 'whole') return { outcome: 'repaired', note: 'by somebody else' };
    if (role === 'replica') {
      await this.placement.noteDamage(blob, place);
      return {
        outcome: 'repaired',
        note: this.stores.backup ? 'another copy will be made' : 'it was forgotten',
      };
    }
    const found = await this.restore(blob, signal);
    if (found !== 'none') return found;
    // Those that turned out to be wrong are forgotten by now; one that came since was not asked.
    const now = await this.placement.find(id);
    const asked = new Set(blob.replicas?.map(({ key }) => key));
    if (!now || now.replicas?.some(({ key }) => !asked.has(key)) || now.key !== blob.key) return CHANGED;
    if (!(await this.lost.declare(now))) return CHANGED;
    await this.placement.tellFiles(now);
    return { outcome: 'lost', note: 'no copy is left; its files have failed' };
  }

  /** A lost content of which this copy is whole. */
  async foundAgain(id: ObjectId, place: Place, signal: AbortSignal): Promise<Repaired> {
    const blob = await this.placement.find(id);
    const role = blob && roleOf(blob, place);
    if (!role || !blob.lostAt) return { outcome: 'repaired', note: 'by somebody else' };
    if (role === 'replica') {
      const found = await this.restore(blob, signal);
      return found === 'none' ? CHANGED : found;
    }
    await this.lost.revive(blob);
    return { outcome: 'repaired', note: 'its files are there again' };
  }

  /** An object that no document names. */
  async nameless(store: BlobStore, key: string, kind: 'orphan' | 'incoming'): Promise<Repaired> {
    const { provider } = store;
    const isNameless = async () => !(await isNamed(this.collections, { provider, key }));
    if (!(await isNameless())) return CHANGED;
    if (kind === 'incoming') {
      await store.delete(key);
      return { outcome: 'repaired', note: 'deleted' };
    }
    try {
      if (!(await moveToLostFound(store, key, isNameless))) return CHANGED;
    } catch (error) {
      if (!hasCode(error, 'NOT_FOUND')) throw error;
    }
    return { outcome: 'repaired', note: 'moved to lost-found/' };
  }

  /** A copy of which the database tells another bucket or folder than its store has. */
  async location(id: ObjectId, { provider, key }: Place, location: string): Promise<Repaired> {
    const { blobs } = this.collections;
    const due = { copyDueAt: new Date() };
    await blobs.updateOne({ _id: id, provider, key }, { $set: { location, ...due } });
    await blobs.updateOne(
      { _id: id, replicas: { $elemMatch: { provider, key } } },
      { $set: { 'replicas.$.location': location, ...due } },
    );
    const blob = await this.placement.find(id);
    if (blob) await this.placement.settle(blob);
    return { outcome: 'repaired' };
  }

  /** Makes the first copy anew from whatever is whole; `none` when all is known to be gone. */
  private async restore(blob: Blob, signal: AbortSignal): Promise<Repaired | 'none'> {
    const to = this.stores.of(blob);
    const { provider, location } = to;
    const found = { provider, location, key: keyIn('lost-found', blob.key) };
    const sources: Place[] = [...(blob.replicas ?? []), found, ...formerPlaces(blob)];
    let unsure: string | null = null;
    for (const from of sources) {
      try {
        const place = await this.copies.copy(blob, from, to, { signal });
        const moved = await this.placement.becomePrimary(blob, place);
        if (!moved) {
          await this.copies.discard(blob, place);
          return CHANGED;
        }
        await this.placement.tellFiles(moved);
        if (blob.lostAt) await this.lost.revive(moved);
        return { outcome: 'repaired', note: `from ${from.provider}` };
      } catch (error) {
        if (!(error instanceof SourceFailure)) throw error;
        if (!error.isDamaged) unsure = error.message;
      }
    }
    return unsure === null ? 'none' : { outcome: 'failed', note: unsure };
  }
}
