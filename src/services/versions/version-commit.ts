import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import type { FileVersion } from '../../models/file-version.ts';
import type { Expression, ObjectId } from '../../models/object-id.ts';
import { filledOnly, filtered } from '../copies/place-expressions.ts';
import { UNSCANNED } from '../scanning/judgement.ts';
import type { Change } from '../uploads/upload-run.ts';
import { CONTENTS, type Content, contentsOf } from './contents.ts';

/** A file that can be given another present content. */
export const CHANGEABLE = { ...LISTED, isDeleted: false, purgingAt: { $exists: false } } as const;

/** The contents that a step marked, to be removed now. */
export interface Committed {
  readonly file: Pick<StoredFile, '_id' | 'userId'>;
  readonly marked: readonly Content[];
}

/**
 * Makes what an upload brought the present content of a file, in one step: the former one becomes the newest version, and
 * versions beyond the number that is kept are marked for removal. Null where nothing was changed: the file is gone, has
 * this content, or the upload was given up.
 */
export async function commitContent(
  files: Collections['files'],
  file: Pick<StoredFile, '_id' | 'userId'>,
  upload: { id: ObjectId; by: ObjectId; change: Change; kept: number },
): Promise<Committed | null> {
  const { id, by, change, kept } = upload;
  const { fileHash, fileSize } = change.set;
  const before = (await files.collection.findOneAndUpdate(
    {
      _id: file._id,
      // Whose quota holds the new content’s bytes.
      userId: file.userId,
      ...CHANGEABLE,
      incomingContents: id,
      $nor: [{ fileHash, fileSize }],
    } as never,
    [
      {
        $set: {
          ...presentContent(change, { id, by }),
          versions: keptVersions(kept),
          contents: { $concatArrays: [{ $ifNull: ['$contents', []] }, [id]] },
          incomingContents: filledOnly(filtered('$incomingContents', { $ne: ['$$this', id] })),
        },
      },
    ],
    { returnDocument: 'before', projection: CONTENTS },
  )) as StoredFile | null;
  if (!before) return null;
  const live = contentsOf(before).filter(({ purgingAt }) => !purgingAt);
  return { file: before, marked: live.slice(kept) };
}

/** Swaps the present content and an earlier one, in one step; false where either is not there any more. */
export async function swapContent(
  files: Collections['files'],
  _id: ObjectId,
  version: FileVersion,
  change: Change,
): Promise<boolean> {
  const { _id: id, uploadedBy } = version;
  const others = filtered('$versions', { $ne: ['$$this._id', id] });
  const { modifiedCount } = await files.collection.updateOne(
    { _id, ...CHANGEABLE, versions: { $elemMatch: { _id: id, purgingAt: { $exists: false } } } } as never,
    [
      {
        $set: {
          ...presentContent(change, { id, by: uploadedBy }),
          versions: { $concatArrays: [[PRESENT], others] },
        },
      },
    ],
  );
  return modifiedCount === 1;
}

/** The present content as the version that it becomes; what is absent stays so. */
const PRESENT: Expression = {
  _id: { $ifNull: ['$contentId', '$_id'] },
  blob: '$blob',
  fileSize: '$fileSize',
  fileHash: '$fileHash',
  mimeType: '$mimeType',
  uploadedBy: { $ifNull: ['$contentBy', '$userId'] },
  createdAt: { $ifNull: ['$contentAt', '$createdAt'] },
  isAwaitingScan: '$isAwaitingScan',
};

const LIVE = filtered('$versions', { $not: { $gt: ['$$this.purgingAt', null] } });
const LEAVING = filtered('$versions', { $gt: ['$$this.purgingAt', null] });
const ALL = 1_000_000;

/** The versions once the present content is one of them: the newest so many stay, the others are marked. */
function keptVersions(kept: number): Expression {
  const all = { $concatArrays: [[PRESENT], LIVE] };
  const dropped = { $slice: [all, kept, ALL] };
  const marked = { $map: { input: dropped, in: { $mergeObjects: ['$$this', { purgingAt: '$$NOW' }] } } };
  return { $concatArrays: [kept > 0 ? { $slice: [all, kept] } : [], marked, LEAVING] };
}

/** The fields of a file that has this content; what is not told of it is as with a new file. */
function presentContent({ set }: Change, { id, by }: { id: ObjectId; by: ObjectId | undefined }): Expression {
  const told = Object.entries({ virus: UNSCANNED, ...set });
  return {
    isAwaitingScan: '$$REMOVE',
    // As they are: a text that began with a dollar sign would be read as a field’s name.
    ...Object.fromEntries(told.map(([field, value]) => [field, { $literal: value }])),
    contentId: id,
    contentAt: '$$NOW',
    contentBy: by ?? '$$REMOVE',
  };
}
