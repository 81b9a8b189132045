import type { Collections } from '../../models/collections.ts';
import type { Folder } from '../../models/folder.ts';
import type { Expression, ObjectId } from '../../models/object-id.ts';
import { sortNameOf } from '../files/file-names.ts';

/**
 * How to write what a sibling’s name may refuse: the server cuts a long name in its error between any two bytes, which the
 * driver would take for a broken answer instead of a duplicate.
 */
export const NAMING = { enableUtf8Validation: false } as const;

/** The fields that follow from a folder’s name. */
export const namedFields = (name: string) => ({ name, nameKey: sortNameOf(name) });

/** The fields of what goes into the trash now, by this deletion. */
export function trashedNow({ _id }: Pick<Folder, '_id'>) {
  const now = new Date();
  return { isDeleted: true, deletedAt: now, trashedWith: _id, updatedAt: now };
}

/** What takes a folder out of the trash, with these further changes. */
export function restoredFolder(changes: object = {}) {
  return {
    $set: { isDeleted: false, deletedAt: null, updatedAt: new Date(), ...changes },
    $unset: { trashedWith: '', isTrashRoot: '' } as const,
  };
}

/** What takes a file out of the trash; an expiry date that has passed is cleared, or it would be gone again at once. */
export function restoredFile(): Expression[] {
  const hasPassed = { $and: [{ $ne: ['$expiryDate', null] }, { $lte: ['$expiryDate', '$$NOW'] }] };
  const expiryDate = { $cond: [hasPassed, null, '$expiryDate'] };
  return [
    { $set: { isDeleted: false, deletedAt: null, updatedAt: '$$NOW', expiryDate } },
    { $unset: 'trashedWith' },
  ];
}

/** Tells which names live folders of this place have. */
export function takenSiblings(folders: Collections['folders'], userId: ObjectId, parent: ObjectId | null) {
  return async (names: readonly string[]): Promise<(name: string) => boolean> => {
    const found = await folders.collection
      .find(
        { userId, parent, isDeleted: false, nameKey: { $in: names.map(sortNameOf) } },
        { projection: { nameKey: 1 }, hint: 'sibling_names' },
      )
      .toArray();
    const keys = new Set(found.map(({ nameKey }) => nameKey));
    return (name) => keys.has(sortNameOf(name));
  };
}
