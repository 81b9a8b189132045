import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import { ProcessingStatus } from '../../models/file-enums.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { FileEvents } from '../live/file-events.ts';
import type { ProcessingTold } from './told-processing.ts';

const BATCH = 500;
const { PENDING, PROCESSING, COMPLETED, FAILED } = ProcessingStatus;
const OPEN = { processingStatus: { $in: [PENDING, PROCESSING] } };

/** What the files of a blob tell of its processing; each change is news to who listens to them, none is an update by somebody. */
export class ToldFiles {
  private readonly files: Collections['files'];
  private readonly events: Pick<FileEvents, 'tell'>;

  constructor(files: Collections['files'], events: Pick<FileEvents, 'tell'>) {
    this.files = files;
    this.events = events;
  }

  /** A file for which the content is to be processed, and which may be served; null when there is none. */
  waiting(blob: ObjectId): Promise<Pick<StoredFile, '_id' | 'mimeType'> | null> {
    const served = { blob, ...LISTED, ...OPEN, isAwaitingScan: { $ne: true } };
    return this.files.findOne(served as never, { mimeType: 1 }).lean();
  }

  /** Says that processing has begun. */
  begin(blob: ObjectId): Promise<unknown> {
    return this.change({ blob, processingStatus: PENDING }, { processingStatus: PROCESSING });
  }

  /** Says that the content waits again. */
  giveBack(blob: ObjectId): Promise<unknown> {
    return this.change({ blob, processingStatus: PROCESSING }, { processingStatus: PENDING });
  }

  /** Says that the content is to be processed once more. */
  reopen(blob: ObjectId): Promise<unknown> {
    const ended = { blob, processingStatus: { $in: [COMPLETED, FAILED] } };
    return this.change(ended, { processingStatus: PENDING, processingError: null });
  }

  /** Says what processing came to, to each file that waited for it, once; resolves with how many did. */
  async end(blob: ObjectId, told: ProcessingTold): Promise<number> {
    let count = 0;
    for (;;) {
      const batch = await this.files
        .find({ blob, ...OPEN }, { userId: 1, folder: 1, uploadStatus: 1 })
        .limit(BATCH)
        .lean();
      if (batch.length === 0) return count;
      const these = { _id: { $in: batch.map(({ _id }) => _id) }, blob, ...OPEN };
      await this.change(these, told);
      for (const file of batch) {
        if (file.uploadStatus === LISTED.uploadStatus) this.events.tell(FileChangeKind.PROCESSED, file);
      }
      count += batch.length;
    }
  }

  private change(filter: object, told: Partial<ProcessingTold>): Promise<unknown> {
    return this.files.updateMany(filter, { $set: told }, { timestamps: false });
  }
}
