import type { Collections } from '../../models/collections.ts';
import type { StoredFile } from '../../models/file.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { FolderTrash } from './folder-trash.ts';

type Lying = Pick<StoredFile, '_id' | 'userId' | 'folder'>;

/** What has become of a file’s place since the file was put there. */
export type PlacedState = Pick<StoredFile, 'folder' | 'isDeleted' | 'deletedAt'>;

/** Looks after files that come into folders which may be on their way into the trash. */
export class FilePlaces {
  private readonly folders: Collections['folders'];
  private readonly files: Collections['files'];
  private readonly trash: Pick<FolderTrash, 'follow' | 'empty'>;

  constructor(parts: {
    collections: Pick<Collections, 'folders' | 'files'>;
    trash: Pick<FolderTrash, 'follow' | 'empty'>;
  }) {
    this.folders = parts.collections.folders;
    this.files = parts.collections.files;
    this.trash = parts.trash;
  }

  /** The folder, if it is live; null, the root, otherwise. */
  async liveOrRoot(userId: ObjectId, folder: ObjectId | null | undefined): Promise<ObjectId | null> {
    const live = folder && (await this.folders.exists({ _id: folder, userId, isDeleted: false }));
    return live ? folder : null;
  }

  /**
   * To be asked once a file is written into a folder: where the folder is in the trash by then, so is the file, and it is
   * told how it lies there; null where nothing has changed.
   */
  async settle({ _id, folder }: Lying): Promise<PlacedState | null> {
    if (!folder) return null;
    const place = await this.folders.findById(folder, { isDeleted: 1 }).lean();
    if (place && !place.isDeleted) return null;
    if (place) await this.trash.follow(folder);
    else {
      const inTrash = { folder: null, isDeleted: true, deletedAt: new Date() };
      await this.files.updateOne({ _id, folder, isDeleted: false }, { $set: inTrash });
    }
    return this.files.findById(_id, { _id: 0, folder: 1, isDeleted: 1, deletedAt: 1 }).lean();
  }

  /** Removes every folder in the account’s trash for good. */
  emptyTrash(userId: ObjectId): Promise<void> {
    return this.trash.empty(userId);
  }
}
