import { isDirect } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import type { Collections } from '../../models/collections.ts';
import type { DirectUpload } from '../../models/direct-upload.ts';
import type { StoredFile } from '../../models/file.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { BlobReferences } from '../copies/blob-references.ts';
import type { Ledger } from '../ledger.ts';
import { CONTENTS, contentsOf } from '../versions/contents.ts';

/** What the upload itself still knows when it fails. */
export interface UploadRemains {
  /** The key it wrote under; none where it wrote nothing. */
  readonly key?: string | undefined;
  /** The blob it refers to, where it got that far. */
  readonly blob: ObjectId | undefined;
}

type Unfinished = Pick<
  StoredFile,
  '_id' | 'userId' | 'uploadKey' | 'storageProvider' | 'direct' | 'versionOf'
>;
type Ending = (file: Unfinished) => Promise<void>;

const UNFINISHED = { userId: 1, uploadKey: 1, storageProvider: 1, direct: 1, versionOf: 1 } as const;
const DELETED_AT_ONCE = 16;

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
   * left. Never rejects. A reference that only a dead process knew of is released as a stale claim. Of an upload that
   * was COMPLETED it removes only what that left beside the blob.
   */
  undo(fileId: ObjectId, remains?: UploadRemains): Promise<boolean> {
    return this.attempt(() => this.undoSteps(fileId, (file) => this.remove(file), remains));
  }

  /** As `undo`, but leaves an upload alone that has shown a sign of life since then. */
  undoStale(fileId: ObjectId, before: Date): Promise<boolean> {
    const stale = { heartbeatAt: { $lt: before } };
    return this.attempt(() => this.undoSteps(fileId, (file) => this.remove(file), undefined, stale));
  }

  /** Undoes one try to complete a direct upload, which is then open again, with its parts and its reservation. */
  reopen(fileId: ObjectId, remains: UploadRemains): Promise<boolean> {
    return this.attempt(() => this.undoSteps(fileId, (file) => this.open(file), remains));
  }

  /** Removes what a direct upload left beside its blob; true unless a step failed. Never rejects. */
  tidy(fileId: ObjectId): Promise<boolean> {
    return this.attempt(() => this.tidySteps(fileId));
  }

  private async attempt(steps: () => Promise<void>): Promise<boolean> {
    try {
      await steps();
      return true;
    } catch (error) {
      this.onProblem(error);
      return false;
    }
  }

  private async undoSteps(
    fileId: ObjectId,
    end: Ending,
    remains?: UploadRemains,
    condition: object = {},
  ): Promise<void> {
    const { files } = this.collections;
    // From here on its writer, should it still live, cannot complete it any more. One with a blob was completed.
    const file = await files
      .findOneAndUpdate(
        {
          _id: fileId,
          uploadStatus: { $ne: UploadStatus.COMPLETED },
          purgingAt: { $exists: false },
          blob: { $exists: false },
          ...condition,
        },
        { $set: { uploadStatus: UploadStatus.FAILED } },
        { returnDocument: 'after', projection: UNFINISHED },
      )
      .lean();
    if (!file && !remains) return this.tidySteps(fileId);
    // A sweep that took it for dead has removed the document, but not what was stored after that.
    if (!file && (await files.exists({ _id: fileId }))) return;
    if (file?.versionOf && !(await this.takeBack(file._id, file.versionOf))) return;
    if (remains?.blob) await this.references.ledger.release(remains.blob, fileId);
    const key = file?.uploadKey ?? remains?.key;
    const provider = file?.storageProvider ?? this.stores.primary.provider;
    if (key) await this.removeBytes({ provider, key });
    if (file) await end(file);
  }

  /**
   * Keeps the upload from becoming a content of the file from here on; false where it has become one: then its counts stay,
   * and only what it left goes.
   */
  private async takeBack(_id: ObjectId, versionOf: ObjectId): Promise<boolean> {
    const { files } = this.collections;
    await files.collection.updateOne({ _id: versionOf }, { $pull: { incomingContents: _id } as never });
    const holder = await files.findOne({ contents: _id }, CONTENTS).lean();
    const content = holder && contentsOf(holder).find(({ id }) => id.equals(_id));
    if (!content) return true;
    await this.usage.settle(holder.userId, _id, content.fileSize);
    if (content.blob) await this.references.ledger.settle(content.blob, _id, 1);
    await files.deleteOne({ _id });
    return false;
  }

  private async remove({ _id, userId, direct }: Unfinished): Promise<void> {
    const { files } = this.collections;
    if (direct) await this.removeParts(direct);
    await this.usage.release(userId, _id);
    if (direct && this.mayStillReceive(direct)) {
      // Remembered until its addresses are dead, since a client could still send under them.
      await files.updateOne({ _id }, { $set: { heartbeatAt: direct.expiresAt }, $unset: { uploadKey: '' } });
    } else {
      await files.deleteOne({ _id });
    }
  }

  private async open({ _id, uploadKey, direct }: Unfinished): Promise<void> {
    if (!uploadKey || !direct) return;
    await this.collections.files.updateOne(
      { _id, uploadStatus: UploadStatus.FAILED, uploadKey },
      {
        $set: { uploadStatus: UploadStatus.PENDING, heartbeatAt: direct.expiresAt },
        $unset: { uploadKey: '' },
      },
    );
  }

  private async tidySteps(_id: ObjectId): Promise<void> {
    const { files } = this.collections;
    const completed = { _id, direct: { $exists: true }, blob: { $exists: true } };
    const file = await files.findOne(completed, { direct: 1 }).lean();
    if (!file?.direct) return;
    await this.removeParts(file.direct);
    if (this.mayStillReceive(file.direct)) return;
    await files.updateOne(completed, { $unset: { direct: '', heartbeatAt: '' } }, { timestamps: false });
  }

  private async removeParts({ provider, keys }: DirectUpload): Promise<void> {
    for (let i = 0; i < keys.length; i += DELETED_AT_ONCE) {
      const some = keys.slice(i, i + DELETED_AT_ONCE);
      await Promise.all(some.map((key) => this.stores.delete({ provider, key })));
    }
  }

  /** Whether the provider itself would take parts, which nobody here could refuse. */
  private mayStillReceive({ provider, expiresAt, encryption }: DirectUpload): boolean {
    return !encryption && expiresAt > new Date() && isDirect(this.stores.of({ provider }));
  }

  /** Once a blob names the key, the bytes are the blob’s and go when nothing refers to it. */
  private async removeBytes(place: { provider: string; key: string }): Promise<void> {
    if (!(await this.collections.blobs.exists({ key: place.key }))) await this.stores.delete(place);
  }
}
