import type { Collections } from '../../models/collections.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { completion, FileDraft } from '../files/file-drafts.ts';
import { GroupCommit } from '../group-commit.ts';

interface Completion {
  readonly file: ObjectId;
  readonly change: ReturnType<typeof completion>;
}

/** The documents of running uploads; those of many are written together. */
export class UploadRecords {
  private readonly files: Collections['files'];
  private readonly drafts = new GroupCommit<FileDraft, undefined>((drafts) => this.insertAll(drafts));
  private readonly completions = new GroupCommit<Completion, boolean>((ends) => this.completeAll(ends));

  constructor(files: Collections['files']) {
    this.files = files;
  }

  /** Resolves once the draft is on the database’s disk. */
  async insert(draft: FileDraft): Promise<void> {
    await this.drafts.add(draft);
  }

  /** Makes the draft a file; false when it was taken for dead meanwhile. */
  complete(file: ObjectId, change: Completion['change']): Promise<boolean> {
    return this.completions.add({ file, change });
  }

  /** Notes that the upload is alive; false when it was taken for dead. Only many missed notes in a row let the sweep do so. */
  async beat(file: ObjectId): Promise<boolean> {
    const { matchedCount } = await this.files.collection.updateOne(
      { _id: file, uploadStatus: UploadStatus.UPLOADING },
      { $set: { heartbeatAt: new Date() } },
    );
    return matchedCount === 1;
  }

  private async insertAll(drafts: FileDraft[]): Promise<undefined[]> {
    await this.files.collection.insertMany(drafts, { ordered: false });
    return drafts.map(() => undefined);
  }

  private async completeAll(ends: readonly Completion[]): Promise<boolean[]> {
    const { matchedCount } = await this.files.collection.bulkWrite(
      ends.map(({ file, change: { set, unset } }) => ({
        updateOne: {
          filter: { _id: file, uploadStatus: UploadStatus.UPLOADING },
          update: { $set: set, $unset: unset },
        },
      })),
      { ordered: false },
    );
    if (matchedCount === ends.length) return ends.map(() => true);
    const completed = await this.files
      .find({ _id: { $in: ends.map(({ file }) => file) }, uploadStatus: UploadStatus.COMPLETED }, { _id: 1 })
      .lean();
    const ids = new Set(completed.map(({ _id }) => _id.toHexString()));
    return ends.map(({ file }) => ids.has(file.toHexString()));
  }
}
