import type { Stores } from '../blobs/stores.ts';
import type { Blob } from '../models/blob.ts';
import type { Collections } from '../models/collections.ts';
import type { Place } from '../models/place.ts';

/** Deletes what is no longer needed of the stores, never what a document still names as a copy. */
export class BlobDisposal {
  private readonly collections: Pick<Collections, 'blobs' | 'files'>;
  private readonly stores: Stores;

  constructor(collections: Pick<Collections, 'blobs' | 'files'>, stores: Stores) {
    this.collections = collections;
    this.stores = stores;
  }

  /** Deletes the blobs that nothing has referred to since before then, with all their copies; resolves with how many. */
  async deleteUnreferenced(before: Date): Promise<number> {
    const { blobs, files } = this.collections;
    const condition = { unreferencedAt: { $lt: before }, refCount: { $lte: 0 } };
    let deleted = 0;
    for await (const { _id } of blobs.find(condition, { _id: 1 }).lean()) {
      // Taking it out of the live ones first closes the door to uploads that would refer to it, and to new copies.
      const blob = await blobs
        .findOneAndUpdate({ _id, ...condition }, { $set: { live: false } }, { returnDocument: 'after' })
        .lean();
      if (!blob) continue;
      const refCount = await files.countDocuments({ blob: _id });
      if (refCount > 0) {
        await blobs.updateOne({ _id }, { $set: { refCount }, $unset: { unreferencedAt: '' } });
        continue;
      }
      for (const place of [blob, ...(blob.replicas ?? []), ...(blob.leftovers ?? [])]) {
        await this.stores.delete(place);
      }
      deleted += (await blobs.deleteOne({ _id })).deletedCount;
    }
    return deleted;
  }

  /** Deletes the objects whose time as leftovers is over; resolves with how many. */
  async deleteLeftovers(before: Date = new Date()): Promise<number> {
    const { blobs } = this.collections;
    const due = { 'leftovers.deleteAfter': { $lt: before } };
    let deleted = 0;
    for await (const blob of blobs.find(due, { key: 1, provider: 1, replicas: 1, leftovers: 1 }).lean()) {
      const leftovers = (blob.leftovers ?? []).filter(({ deleteAfter }) => deleteAfter < before);
      for (const { provider, key, deleteAfter } of leftovers) {
        // Its writer may have shown that it lives, or made it a copy, since the document was read.
        const condemned = { _id: blob._id, leftovers: { $elemMatch: { provider, key, deleteAfter } } };
        if (!(await blobs.exists(condemned)) || isCopy(blob, { provider, key })) continue;
        await this.stores.delete({ provider, key });
        await blobs.updateOne(condemned, { $pull: { leftovers: { provider, key } } });
        deleted += 1;
      }
    }
    return deleted;
  }
}

const isCopy = (blob: Pick<Blob, 'provider' | 'key' | 'replicas'>, place: Pick<Place, 'provider' | 'key'>) =>
  [blob, ...(blob.replicas ?? [])].some(
    ({ provider, key }) => provider === place.provider && key === place.key,
  );
