import type { Collections } from '../../models/collections.ts';
import type { StoredFile } from '../../models/file.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import type { Expression, ObjectId } from '../../models/object-id.ts';

/** A content of a file, the present one or an earlier one, under the id that claims on quota and blob name it by. */
export interface Content {
  readonly id: ObjectId;
  /** Bytes. */
  readonly fileSize: number;
  readonly blob: ObjectId | undefined;
  /** Since when it is being removed, while the file stays. */
  readonly purgingAt: Date | undefined;
}

type Holder = Pick<StoredFile, '_id' | 'fileSize' | 'blob' | 'contentId' | 'versions'>;

/** What must be read of a file for `contentsOf`. */
export const CONTENTS = { userId: 1, fileSize: 1, blob: 1, contentId: 1, versions: 1 } as const;

/** Everything that counts of a file, the present content first. */
export function contentsOf({ _id, contentId, fileSize, blob, versions = [] }: Holder): Content[] {
  return [
    { id: contentId ?? _id, fileSize, blob, purgingAt: undefined },
    ...versions.map((version) => ({
      id: version._id,
      fileSize: version.fileSize,
      blob: version.blob,
      purgingAt: version.purgingAt,
    })),
  ];
}

/**
 * The content that a claim names: null once it is gone, `unfinished` while its upload or its removal is under way, which
 * is carried on first, the claim with it.
 */
export async function claimedContent(
  files: Collections['files'],
  id: ObjectId,
): Promise<Content | 'unfinished' | null> {
  // This first: a draft that is gone by now has become a file’s content before that is asked for.
  const named = await files.findById(id, CLAIMED).lean();
  const isDraft = !named || named.versionOf;
  const holder = (isDraft && (await files.findOne({ contents: id }, CLAIMED).lean())) || named;
  if (!holder) return null;
  const { uploadStatus, lostAt, quarantinedAt } = holder;
  if (uploadStatus !== UploadStatus.COMPLETED && !lostAt && !quarantinedAt) return 'unfinished';
  const content = contentsOf(holder).find((each) => each.id.equals(id));
  return content?.purgingAt ? 'unfinished' : (content ?? null);
}

const CLAIMED = { ...CONTENTS, uploadStatus: 1, lostAt: 1, quarantinedAt: 1, versionOf: 1 } as const;

/** Whether the blob is a content of the file, the present one or an earlier one. */
export const refersTo = (blob: ObjectId) => ({ $or: [{ blob }, { 'versions.blob': blob }] });

/** How many contents of files are this blob, without those of the given ids. */
export async function countReferences(
  files: Collections['files'],
  blob: ObjectId,
  except: readonly ObjectId[] = [],
): Promise<number> {
  const counted = (id: Expression | string, of: string) => ({
    $and: [{ $eq: [of, blob] }, { $not: { $in: [id, except] } }],
  });
  const versions = { $filter: { input: VERSIONS, cond: counted('$$this._id', '$$this.blob') } };
  const count = { $add: [{ $cond: [counted(CONTENT_ID, '$blob'), 1, 0] }, { $size: versions }] };
  const [sum] = await files.aggregate<{ count: number }>([
    { $match: refersTo(blob) },
    { $group: { _id: null, count: { $sum: count } } },
  ]);
  return sum?.count ?? 0;
}

/** The bytes that a file counts for, without the contents of the given ids, as an expression. */
export function bytesExcept(except: readonly ObjectId[]): Expression {
  // What has no blob is not counted: an upload under way has a claim, and what a removed one left counts no more.
  const present = { $and: [{ $gt: ['$blob', null] }, { $not: { $in: [CONTENT_ID, except] } }] };
  const versions = { $filter: { input: VERSIONS, cond: { $not: { $in: ['$$this._id', except] } } } };
  return {
    $add: [
      { $cond: [present, '$fileSize', 0] },
      { $sum: { $map: { input: versions, in: '$$this.fileSize' } } },
    ],
  };
}

const VERSIONS = { $ifNull: ['$versions', []] };
const CONTENT_ID = { $ifNull: ['$contentId', '$_id'] };
