import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { NEVER } from '../../models/file.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { CONTENT_SIGN } from '../../texts/described-words.ts';
import { refersTo } from '../versions/contents.ts';
import { encryptionTold } from './content-keys.ts';

type Files = Collections['files'];

type Kept = Pick<Blob, 'provider' | 'location'> & Partial<Pick<Blob, 'replicas' | 'encryption'>>;

/** What a file is whose content is lost. */
export const LOST = { lostAt: { $gt: NEVER }, purgingAt: { $exists: false } };

/** What a file tells of where and how its blob is kept. */
export const placedAt = (blob: Kept) => ({
  storageProvider: blob.provider,
  storageLocation: blob.location,
  backupLocation: blob.replicas?.[0] ? `${blob.replicas[0].provider}:${blob.replicas[0].location}` : null,
  encryption: encryptionTold(blob),
});

/** Tells the blob’s files where and how it is kept; where it is encrypted, search finds none of them by its words any more. */
export async function tellFiles(files: Files, blob: Blob): Promise<void> {
  await files.updateMany({ blob: blob._id }, { $set: placedAt(blob) }, { timestamps: false });
  if (!blob.encryption) return;
  await files.collection.updateMany(
    { ...refersTo(blob._id), contentWordsOf: blob._id } as never,
    { $pull: { words: { $regex: `^${CONTENT_SIGN}` } } } as never,
  );
}

/** Brings the files of a content back that is not lost any more. */
export async function reviveFiles(files: Files, blob: ObjectId): Promise<void> {
  const revival = { $set: { uploadStatus: UploadStatus.COMPLETED }, $unset: { lostAt: '' } } as const;
  await files.updateMany({ blob, ...LOST }, revival, { timestamps: false });
}
