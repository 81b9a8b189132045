import type { Stores } from '../../blobs/stores.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import type { Filter, ObjectId } from '../../models/object-id.ts';
import { LOST, reviveFiles } from '../copies/blob-files.ts';
import { KEPT } from '../copies/kept-blobs.ts';
import type { FilePurge } from '../files/file-purge.ts';

/**
 * Contents of which no copy is left. Their files are FAILED with a `lostAt`, so that nobody meets them, and go on to count
 * for their owner; when the content comes back so do they, until they are removed for good.
 */
export class LostContents {
  private readonly collections: Pick<Collections, 'blobs' | 'files'>;
  private readonly stores: Stores;

  constructor(collections: Pick<Collections, 'blobs' | 'files'>, stores: Stores) {
    this.collections = collections;
    this.stores = stores;
  }

  /** Gives the content up; false when its document has changed since it was read. */
  async declare(blob: Pick<Blob, '_id' | 'key' | 'replicas'>): Promise<boolean> {
    const { blobs } = this.collections;
    const { _id, key, replicas } = blob;
    const { matchedCount } = await blobs.collection.updateOne(
      { _id, key, ...KEPT, replicas: replicas ?? { $exists: false } } as never,
      { $set: { lostAt: new Date() }, $unset: { copyDueAt: '', copyTries: '', damagedAt: '' } },
    );
    if (matchedCount === 0) return false;
    await this.failFiles(_id);
    return true;
  }

  /** Takes the files of a lost content from their lists. */
  async failFiles(blob: ObjectId): Promise<void> {
    const { blobs, files } = this.collections;
    await files.updateMany(
      { blob, ...LISTED },
      { $set: { uploadStatus: UploadStatus.FAILED, lostAt: new Date() } },
      { timestamps: false },
    );
    // An upload of the same content may have brought it back between the two documents.
    if (await blobs.exists({ _id: blob, lostAt: { $exists: false }, ...KEPT })) await this.reviveFiles(blob);
  }

  /** The content is whole again in the copy that is read first. */
  async revive({ _id, key }: Pick<Blob, '_id' | 'key'>): Promise<void> {
    const due = this.stores.backup ? { $set: { copyDueAt: new Date() } } : {};
    await this.collections.blobs.updateOne({ _id, key }, { $unset: { lostAt: '', damagedAt: '' }, ...due });
    await this.reviveFiles(_id);
  }

  /** Brings the files of a content back that is not lost any more. */
  async reviveFiles(blob: ObjectId): Promise<void> {
    await reviveFiles(this.collections.files, blob);
  }

  /** Removes the lost files that match for good and gives their bytes back to the quota; resolves with how many. */
  async purge(purge: FilePurge, filter: Filter<StoredFile>, signal?: AbortSignal): Promise<number> {
    const { blobs, files } = this.collections;
    const found = files.find({ ...LOST, ...filter } as never, { blob: 1 }, { batchSize: 100 }).lean();
    let removed = 0;
    for await (const { _id, blob } of found) {
      signal?.throwIfAborted();
      // Whoever brought the content back may have died before its files were.
      if (blob && (await blobs.exists({ _id: blob, lostAt: { $exists: false } }))) {
        await this.reviveFiles(blob);
        continue;
      }
      const file = await files
        .findOneAndUpdate({ _id, ...LOST }, { $set: { purgingAt: new Date() }, $unset: { lostAt: '' } })
        .lean();
      if (!file) continue;
      await purge.finish(file);
      removed += 1;
    }
    return removed;
  }
}
