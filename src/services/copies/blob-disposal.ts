import type { Stores } from '../../blobs/stores.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { isDuplicateKey, type ObjectId } from '../../models/object-id.ts';
import type { Leftover, Place } from '../../models/place.ts';
import { isInfected } from '../scanning/judgement.ts';
import { countReferences } from '../versions/contents.ts';
import { CONDEMNED } from './blob-placement.ts';

// A cursor that is not asked for ten minutes ends: as few documents at once as are surely dealt with by then.
const BATCHED = { batchSize: 100 };

/** Deletes what is no longer needed of the stores, never what a document still names as a copy. */
export class BlobDisposal {
  private readonly collections: Pick<Collections, 'blobs' | 'files'>;
  private readonly stores: Stores;

  constructor(collections: Pick<Collections, 'blobs' | 'files'>, stores: Stores) {
    this.collections = collections;
    this.stores = stores;
  }

  /**
   * Deletes the blobs that nothing has referred to since before then, with all their copies and previews; resolves with how many.
   * One that cannot be deleted now keeps none of the others; the first failure is rejected with at the end. An aborted
   * signal ends it between two of them, with the signal's reason.
   */
  async deleteUnreferenced(before: Date, signal?: AbortSignal): Promise<number> {
    const condition = { unreferencedAt: { $lt: before }, refCount: { $lte: 0 } };
    const failures = new Failures();
    let deleted = 0;
    for await (const { _id } of this.collections.blobs.find(condition, { _id: 1 }, BATCHED).lean()) {
      signal?.throwIfAborted();
      await failures.collect(async () => {
        if (await this.deleteBlob(_id, condition)) deleted += 1;
      });
    }
    failures.throwFirst();
    return deleted;
  }

  /** Deletes the objects whose time as leftovers is over; resolves with how many, or rejects as the above. */
  async deleteLeftovers(before: Date = new Date(), signal?: AbortSignal): Promise<number> {
    const due = { 'leftovers.deleteAfter': { $lt: before } };
    const failures = new Failures();
    let deleted = 0;
    const { blobs } = this.collections;
    for await (const { _id, leftovers } of blobs.find(due, { leftovers: 1 }, BATCHED).lean()) {
      signal?.throwIfAborted();
      for (const leftover of leftovers?.filter(({ deleteAfter }) => deleteAfter < before) ?? []) {
        await failures.collect(async () => {
          if (await this.deleteLeftover(_id, leftover)) deleted += 1;
        });
      }
    }
    failures.throwFirst();
    return deleted;
  }

  private async deleteBlob(_id: ObjectId, condition: object): Promise<boolean> {
    const { blobs, files } = this.collections;
    // Taking it out of the live ones, and of those that quarantine takes in, first closes the door to uploads that would refer to it, and to new copies.
    const blob = await blobs
      .findOneAndUpdate(
        { _id, ...condition },
        { $set: { live: false }, $unset: { quarantinedAt: '' } },
        { returnDocument: 'after' },
      )
      .lean();
    if (!blob) return false;
    const refCount = await countReferences(files, _id);
    if (refCount > 0) {
      await this.revive(_id, refCount, isInfected(blob) ? { quarantinedAt: new Date() } : { live: true });
      return false;
    }
    for (const place of placesOf(blob).reverse()) await this.stores.delete(place);
    const now = new Date();
    for (const leftover of blob.leftovers ?? []) {
      // Somebody who does not know yet that it is in vain may still write it: its name must outlive that.
      if (leftover.deleteAfter > now) return false;
      await this.stores.delete(leftover);
    }
    return (await blobs.deleteOne({ _id })).deletedCount === 1;
  }

  private async revive(
    _id: ObjectId,
    refCount: number,
    door: Pick<Blob, 'quarantinedAt'> | Pick<Blob, 'live'>,
  ): Promise<void> {
    const { blobs } = this.collections;
    const unset = { $unset: { unreferencedAt: '' } } as const;
    try {
      await blobs.updateOne({ _id }, { $set: { refCount, ...door }, ...unset });
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      // An equal one has come meanwhile: this one serves its files, and takes no new ones.
      await blobs.updateOne({ _id }, { $set: { refCount }, ...unset });
    }
  }

  private async deleteLeftover(_id: ObjectId, { provider, key, deleteAfter }: Leftover): Promise<boolean> {
    const { blobs } = this.collections;
    // Its writer may have shown that it lives, or made it a copy, since the document was read; from here on it cannot.
    const condemned = await blobs
      .findOneAndUpdate(
        { _id, leftovers: { $elemMatch: { provider, key, deleteAfter } } },
        { $set: { 'leftovers.$.deleteAfter': CONDEMNED } },
        { returnDocument: 'after' },
      )
      .lean();
    if (!condemned) return false;
    const isKept = isNeeded(condemned, { provider, key });
    if (!isKept) await this.stores.delete({ provider, key });
    await blobs.updateOne({ _id }, { $pull: { leftovers: { provider, key } } });
    return !isKept;
  }
}

/** Lets many steps go on where one fails. */
class Failures {
  private readonly errors: unknown[] = [];

  async collect(step: () => Promise<void>): Promise<void> {
    await step().catch((error) => this.errors.push(error));
  }

  throwFirst(): void {
    if (this.errors.length > 0) throw this.errors[0];
  }
}

type Placed = Pick<Blob, 'provider' | 'location' | 'key' | 'replicas' | 'previews'>;

/** Everything that the blob needs in a store: its copies first, its previews last. */
const placesOf = (blob: Placed): Place[] => [blob, ...(blob.replicas ?? []), ...(blob.previews ?? [])];

const isNeeded = (blob: Placed, place: Pick<Place, 'provider' | 'key'>) =>
  placesOf(blob).some(({ provider, key }) => provider === place.provider && key === place.key);
