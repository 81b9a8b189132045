import type { Stores } from '../blobs/stores.ts';
import type { Collections } from '../models/collections.ts';
import { UploadStatus } from '../models/file-enums.ts';
import type { ObjectId } from '../models/object-id.ts';
import type { BlobReferences } from './blob-references.ts';
import type { Ledger } from './ledger.ts';

/** What the upload itself still knows when it fails. */
export interface UploadRemains {
  /** The key it wrote under. */
  readonly key: string;
  /** The blob it refers to, where it got that far. */
  readonly blob: ObjectId | undefined;
}

/** Takes back an upload that did not end well. Each step may be repeated, so a crash between two of them is harmless. */
export class UploadUndo {
  private readonly collections: Collections;
  private readonly stores: Stores;
  private readonly references: BlobReferences;
  private readonly usage: Ledger;
  private readonly onProblem: (error: unknown) => void;

  /** `onProblem` hears of steps that failed; the sweep repeats them later. */
  constructor(
    collections: Collections,
    stores: Stores,
    references: BlobReferences,
    usage: Ledger,
    onProblem: (error: unknown) => void,
  ) {
    this.collections = collections;
    this.stores = stores;
    this.references = references;
    this.usage = usage;
    this.onProblem = onProblem;
  }

  /**
   * Removes the upload’s bytes, reservation, document and reference, where it got that far; true when nothing of it is
   * left. Never rejects. A reference that only a dead process knew of is released as a stale claim.
   */
  async undo(fileId: ObjectId, remains?: UploadRemains): Promise<boolean> {
    try {
      await this.undoSteps(fileId, remains);
      return true;
    } catch (error) {
      this.onProblem(error);
      return false;
    }
  }

  private async undoSteps(fileId: ObjectId, remains?: UploadRemains): Promise<void> {
    const { files } = this.collections;
    // From here on its writer, should it still live, cannot complete it any more.
    const file = await files
      .findOneAndUpdate(
        { _id: fileId, uploadStatus: { $ne: UploadStatus.COMPLETED }, purgingAt: { $exists: false } },
        { $set: { uploadStatus: UploadStatus.FAILED } },
        { returnDocument: 'after', projection: { userId: 1, uploadKey: 1, storageProvider: 1 } },
      )
      .lean();
    // A sweep that took it for dead has removed the document, but not what was stored after that.
    if (!file && (!remains || (await files.exists({ _id: fileId })))) return;
    if (remains?.blob) await this.references.ledger.release(remains.blob, fileId);
    const key = file?.uploadKey ?? remains?.key;
    const provider = file?.storageProvider ?? this.stores.primary.provider;
    if (key) await this.removeBytes({ provider, key });
    if (!file) return;
    await this.usage.release(file.userId, fileId);
    await files.deleteOne({ _id: fileId });
  }

  /** Once a blob names the key, the bytes are the blob’s and go when nothing refers to it. */
  private async removeBytes(place: { provider: string; key: string }): Promise<void> {
    if (!(await this.collections.blobs.exists({ key: place.key }))) await this.stores.delete(place);
  }
}
