import { AppError } from '../../errors.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import type { Filter } from '../../models/object-id.ts';
import { type FileOrder, type FilePosition, RELEVANCE } from './file-cursors.ts';
import { cleanTags } from './file-drafts.ts';

/** Which files of a list to show; an absent or null field does not filter. */
export interface FileCriteria {
  readonly search?: string | null | undefined;
  readonly mimeType?: string | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly minSize?: number | null | undefined;
  readonly maxSize?: number | null | undefined;
  readonly createdAfter?: Date | null | undefined;
  readonly createdBefore?: Date | null | undefined;
  readonly isPublic?: boolean | null | undefined;
  readonly isDeleted?: boolean | null | undefined;
  /** The folder’s id, or "root"; absent is everywhere. */
  readonly folderId?: string | null | undefined;
  /** Whether also what lies below the folder is meant. */
  readonly recursive?: boolean | null | undefined;
}

type Conditions = Filter<StoredFile>[];

/** The conditions of everything but search and paging, beside the owner’s or the public scope. */
export function criteriaConditions(criteria: FileCriteria, now: Date): Conditions {
  const isDeleted = criteria.isDeleted ?? false;
  const conditions: Conditions = [{ ...LISTED, isDeleted }];
  if (!isDeleted) conditions.push({ expiryDate: { $not: { $lte: now } } });
  if (criteria.mimeType != null) conditions.push(mimeCondition(criteria.mimeType));
  if (criteria.tags?.length) conditions.push({ tags: { $all: cleanTags(criteria.tags) } });
  if (criteria.minSize != null) conditions.push({ fileSize: { $gte: criteria.minSize } });
  if (criteria.maxSize != null) conditions.push({ fileSize: { $lte: criteria.maxSize } });
  if (criteria.createdAfter) conditions.push({ createdAt: { $gt: criteria.createdAfter } });
  if (criteria.createdBefore) conditions.push({ createdAt: { $lt: criteria.createdBefore } });
  if (criteria.isPublic != null) conditions.push({ isPublic: criteria.isPublic });
  return conditions;
}

/** The files that come after a position when the list is walked in this order. */
export function beyond(order: FileOrder, position: FilePosition): Filter<StoredFile> {
  const [past, from] = order.direction === 1 ? ['$gt', '$gte'] : ['$lt', '$lte'];
  const { value, id, at } = position;
  if (order.field === RELEVANCE) {
    return {
      $or: [
        { relevance: { [past]: value } },
        { relevance: value, createdAt: { [past]: at } },
        { relevance: value, createdAt: at, _id: { [past]: id } },
      ],
    } as Filter<StoredFile>;
  }
  return {
    // The bound on the field alone lets the index seek; the alternatives only decide among equal values.
    [order.field]: { [from]: position.value },
    $or: [
      { [order.field]: { [past]: position.value } },
      { [order.field]: position.value, _id: { [past]: position.id } },
    ],
  } as Filter<StoredFile>;
}

function mimeCondition(mimeType: string): Filter<StoredFile> {
  const wanted = mimeType.trim().toLowerCase();
  const family = /^([a-z0-9.+-]+)\/\*$/.exec(wanted)?.[1];
  // U+002F "/" is followed by "0": the half-open interval holds exactly the types that begin with the family.
  if (family) return { mimeType: { $gte: `${family}/`, $lt: `${family}0` } };
  if (/^[^/\s*]+\/[^/\s*]+$/.test(wanted)) return { mimeType: wanted };
  const message = 'must be a media type such as image/png, or a family such as image/*';
  throw new AppError('BAD_USER_INPUT', `filter.mimeType ${message}.`, {
    issues: [{ field: 'filter.mimeType', message }],
  });
}
