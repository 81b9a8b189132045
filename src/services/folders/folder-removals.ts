import { AppError } from '../../errors.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, listIndex } from '../../models/file.ts';
import type { Folder } from '../../models/folder.ts';
import { may } from '../access.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { Viewer } from '../viewer.ts';
import { chunks } from './chunks.ts';
import type { FolderLookup } from './folder-lookup.ts';
import type { FolderTrash } from './folder-trash.ts';
import type { FolderTree } from './folder-tree.ts';

const AT_ONCE = 1_000;

/** Deletes, restores and purges folders for those who may. */
export class FolderRemovals {
  private readonly files: Collections['files'];
  private readonly tree: Pick<FolderTree, 'below'>;
  private readonly lookup: FolderLookup;
  private readonly trash: FolderTrash;
  private readonly audit: Pick<AuditTrail, 'record'>;

  constructor(parts: {
    files: Collections['files'];
    tree: Pick<FolderTree, 'below'>;
    lookup: FolderLookup;
    trash: FolderTrash;
    audit: Pick<AuditTrail, 'record'>;
  }) {
    this.files = parts.files;
    this.tree = parts.tree;
    this.lookup = parts.lookup;
    this.trash = parts.trash;
    this.audit = parts.audit;
  }

  /**
   * Puts the folder and everything below it into the owner’s trash; one that lies there already stays as it is.
   * FORBIDDEN for others than the owner where the owner has locked a file in it against that.
   */
  async delete(viewer: Viewer, id: string): Promise<Folder> {
    const folder = await this.lookup.get(viewer, id, 'delete');
    if (!may(viewer, 'own', folder)) await this.requireUnlocked(folder);
    const deleted = await this.trash.delete(folder);
    const { _id: target, userId: subject } = folder;
    if (!folder.isDeleted)
      await this.audit.record({ action: AuditAction.FOLDER_DELETED, by: viewer, subject, target });
    return deleted;
  }

  /** Takes the folder out of the trash with what its deletion put there; for its owner only. */
  async restore(viewer: Viewer, id: string): Promise<Folder> {
    return this.trash.restore(await this.lookup.get(viewer, id, 'own'));
  }

  /** Removes the folder and everything below it for good, from the trash or not; for its owner only. Resolves with its id. */
  async purge(viewer: Viewer, id: string): Promise<string> {
    const folder = await this.lookup.get(viewer, id, 'own');
    const files = await this.trash.remove(folder);
    const details = { forGood: true, files };
    await this.audit.record({
      action: AuditAction.FOLDER_DELETED,
      by: viewer,
      target: folder._id,
      details,
    });
    return id;
  }

  private async requireUnlocked({ _id, userId }: Folder): Promise<void> {
    const locks = [{ 'access.canDelete': false }, { 'access.canView': false }];
    for (const some of chunks([_id, ...(await this.tree.below(userId, _id))], AT_ONCE)) {
      const locked = { userId, folder: { $in: some }, isDeleted: false, ...LISTED, $or: locks };
      if (await this.files.exists(locked as never).hint(listIndex('folder', 'createdAt')))
        throw new AppError('FORBIDDEN', 'Its owner has locked something in the folder.');
    }
  }
}
