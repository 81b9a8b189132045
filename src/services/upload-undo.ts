import type { BlobStore } from '../blobs/blob-store.ts';
import type { Collections } from '../models/collections.ts';
import { UploadStatus } from '../models/file-enums.ts';
import type { ObjectId } from '../models/object-id.ts';
import type { BlobReferences } from './blob-references.ts';
import type { Ledger } from './ledger.ts';

/** Takes back an upload that did not end well. Each step may be repeated, so a crash between two of them is harmless. */
export class UploadUndo {
  private readonly collections: Collections;
  private readonly store: BlobStore;
  private readonly references: BlobReferences;
  private readonly usage: Ledger;
  private readonly onProblem: (error: unknown) => void;

  /** `onProblem` hears of steps that failed; the sweep repeats them later. */
  constructor(
    collections: Collections,
    store: BlobStore,
    references: BlobReferences,
    usage: Ledger,
    onProblem: (error: unknown) => void,
  ) {
    this.collections = collections;
    this.store = store;
    this.references = references;
    this.usage = usage;
    this.onProblem = onProblem;
  }

  /**
   * Removes the upload’s bytes, reservation, document and its reference to `blob`, where it got that far; true when
   * nothing of it is left. Never rejects. A reference that only a dead process knew of is released as a stale claim.
   */
  async undo(fileId: ObjectId, blob?: ObjectId): Promise<boolean> {
    try {
      await this.undoSteps(fileId, blob);
      return true;
    } catch (error) {
      this.onProblem(error);
      return false;
    }
  }

  private async undoSteps(fileId: ObjectId, blob?: ObjectId): Promise<void> {
    const { files, blobs } = this.collections;
    // From here on its writer, should it still live, cannot complete it any more.
    const file = await files
      .findOneAndUpdate(
        { _id: fileId, uploadStatus: { $ne: UploadStatus.COMPLETED }, purgingAt: { $exists: false } },
        { $set: { uploadStatus: UploadStatus.FAILED } },
        { returnDocument: 'after', projection: { userId: 1, uploadKey: 1 } },
      )
      .lean();
    if (!file) return;
    if (blob) await this.references.ledger.release(blob, fileId);
    // Once a blob names the key, the bytes are the blob's and go when nothing refers to it.
    if (file.uploadKey && !(await blobs.exists({ key: file.uploadKey })))
      await this.store.delete(file.uploadKey);
    await this.usage.release(file.userId, fileId);
    await files.deleteOne({ _id: fileId });
  }
}
