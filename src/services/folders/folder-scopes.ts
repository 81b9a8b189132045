import { AppError } from '../../errors.ts';
import type { StoredFile } from '../../models/file.ts';
import type { Filter, ObjectId } from '../../models/object-id.ts';
import type { Viewer } from '../viewer.ts';
import { type FolderLookup, ROOT } from './folder-lookup.ts';
import type { FolderTree } from './folder-tree.ts';

/** Where to look for files; an absent folder is everywhere. */
export interface PlaceCriteria {
  /** The folder’s id, or "root". */
  readonly folderId?: string | null | undefined;
  /** Whether to look below it, too. */
  readonly recursive?: boolean | null | undefined;
  readonly isDeleted?: boolean | null | undefined;
}

/** The files of some places, and which of the list indexes answers for them. */
export interface FileScope {
  /** Whose files they are. */
  readonly owner: ObjectId;
  /** Whether they are all files of that account. */
  readonly isWhole: boolean;
  readonly conditions: Filter<StoredFile>[];
  readonly index: 'own' | 'folder';
}

// As many as the database walks side by side in the order of a list, without sorting; it takes up to 200.
const MOST_SIDE_BY_SIDE = 100;

/** Which files a list is of. */
export class FolderScopes {
  private readonly lookup: FolderLookup;
  private readonly tree: FolderTree;

  constructor(parts: { lookup: FolderLookup; tree: FolderTree }) {
    this.lookup = parts.lookup;
    this.tree = parts.tree;
  }

  /** The viewer’s own files, or those of a folder that it may see, as far as it may see them; null where there can be none. */
  async of(viewer: Viewer, { folderId, recursive, isDeleted }: PlaceCriteria): Promise<FileScope | null> {
    const own = { userId: viewer.userId };
    const all = { owner: viewer.userId, isWhole: true, conditions: [own], index: 'own' } as const;
    if (folderId == null || (folderId === ROOT && recursive)) return { ...all, conditions: [own] };
    if (folderId === ROOT)
      return { ...all, isWhole: false, conditions: [{ ...own, folder: null }], index: 'folder' };
    const folder = await this.lookup.get(viewer, folderId);
    const isOwner = folder.userId.equals(viewer.userId);
    // Nothing is live in the trash, and nobody but its owner looks into it.
    if (isDeleted ? !isOwner : folder.isDeleted) return null;
    const { _id, userId } = folder;
    const places = recursive ? [_id, ...(await this.tree.below(userId, _id))] : [_id];
    const [only, ...more] = places;
    return {
      owner: userId,
      isWhole: false,
      conditions: [
        { userId, folder: more.length > 0 ? { $in: places } : only } as Filter<StoredFile>,
        ...(isOwner ? [] : [{ 'access.canView': true } as Filter<StoredFile>]),
      ],
      index: places.length <= MOST_SIDE_BY_SIDE ? 'folder' : 'own',
    };
  }
}

/** Refuses places where a list is of no account’s. */
export function refusePlaces({ folderId, recursive }: PlaceCriteria): void {
  if (folderId == null && !recursive) return;
  const field = folderId == null ? 'filter.recursive' : 'filter.folderId';
  const message = 'is for lists of an account’s files only';
  throw new AppError('BAD_USER_INPUT', `${field} ${message}.`, { issues: [{ field, message }] });
}
