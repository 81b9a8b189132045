import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { Folder } from '../../models/folder.ts';
import { NameCollision } from '../../models/name-collision.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { FilePurge } from '../files/file-purge.ts';
import { withId } from '../with-id.ts';
import { NAMING, namedFields, restoredFolder, takenSiblings, trashedNow } from './folder-fields.ts';
import type { FolderLocks } from './folder-locks.ts';
import { noFolder } from './folder-lookup.ts';
import type { FolderSpread } from './folder-spread.ts';
import { writeUnderFreeName } from './free-names.ts';

/** Puts folders with everything below them into the trash, takes them out again, and removes them for good. */
export class FolderTrash {
  private readonly folders: Collections['folders'];
  private readonly locks: FolderLocks;
  private readonly spread: FolderSpread;
  private readonly purge: Pick<FilePurge, 'purgeAll'>;

  constructor(parts: {
    folders: Collections['folders'];
    locks: FolderLocks;
    spread: FolderSpread;
    purge: Pick<FilePurge, 'purgeAll'>;
  }) {
    this.folders = parts.folders;
    this.locks = parts.locks;
    this.spread = parts.spread;
    this.purge = parts.purge;
  }

  /** Puts the folder and everything below it into the trash; one that lies there already stays as it is. */
  delete({ _id, userId }: Folder): Promise<Folder> {
    return this.locks.tree(userId, (signal) => this.deleteOnce(_id, signal));
  }

  /**
   * Takes out of the trash what its deletion put there, and nothing that lay there before; into the root where the folder
   * it lay in is gone. CONFLICT for one that went there with another folder.
   */
  restore({ _id, userId }: Folder): Promise<Folder> {
    return this.locks.tree(userId, async (signal) => {
      const folder = await this.folders.findById(_id).lean();
      if (!folder || folder.isPurging) throw noFolder();
      if (!folder.isDeleted) return withId(folder) as Folder;
      requireRoot(folder);
      const restored = await this.revive(folder);
      await this.spread.restore(folder, signal);
      return this.settled(restored);
    });
  }

  /** Removes the folder and everything below it for good, from the trash or not; resolves with how many files that were. */
  async remove({ _id, userId }: Folder, signal?: AbortSignal): Promise<number> {
    const mark = async (held: AbortSignal) => {
      const now = await this.folders.findById(_id).lean();
      if (!now) throw noFolder();
      if (now.isDeleted) requireRoot(now);
      const purging = { ...trashedNow({ _id }), isPurging: true, spreadingAt: new Date() };
      const marked = await this.folders
        .findOneAndUpdate(
          { _id },
          { $set: purging, $unset: { isTrashRoot: '' } },
          { returnDocument: 'after' },
        )
        .lean();
      if (marked) await this.trashAll(marked, held);
    };
    await this.locks.tree(userId, mark, signal);
    return this.finishRemoval({ _id, userId }, signal);
  }

  /** Removes every folder in the account’s trash for good, with what went there with it. */
  async empty(userId: ObjectId): Promise<void> {
    const inTrash = { userId, isDeleted: true, isTrashRoot: true };
    for (;;) {
      const some = await this.folders.find(inTrash).hint('trash').limit(100).lean();
      if (some.length === 0) return;
      for (const folder of some) await this.remove(folder);
    }
  }

  /** Removes one whose time is over, unless files that went with it have to stay for longer; true when it did. */
  async removeOld(folder: Folder, hasFiles: () => Promise<boolean>, signal?: AbortSignal): Promise<boolean> {
    await this.locks.tree(folder.userId, (held) => this.spread.trash(folder, [folder._id], held), signal);
    if (await hasFiles()) return false;
    await this.remove(folder, signal);
    return true;
  }

  /** Carries on with what was interrupted while it was being spread. */
  async resume({ _id, userId }: Pick<Folder, '_id' | 'userId'>, signal?: AbortSignal): Promise<void> {
    const isPurging = await this.locks.tree(
      userId,
      async (held) => {
        const folder = await this.folders.findById(_id).lean();
        if (!folder?.spreadingAt) return false;
        if (folder.isDeleted && (folder.isTrashRoot || folder.isPurging)) await this.trashAll(folder, held);
        // One that was being taken out when a folder above went in: what is still there went in with that one.
        else if (folder.isDeleted && folder.trashedWith) await this.spread.adopt(_id, folder.trashedWith);
        else await this.spread.restore(folder, held);
        if (!folder.isPurging) await this.settled(folder);
        return folder.isPurging ?? false;
      },
      signal,
    );
    if (isPurging) await this.finishRemoval({ _id, userId }, signal);
  }

  /** Puts what was just made or moved below the folder into the trash too, should the folder be there by now; true when it is. */
  async follow(folder: ObjectId | null, isHeld = false): Promise<boolean> {
    const dead = folder && (await this.folders.findOne({ _id: folder, isDeleted: true }).lean());
    if (!dead?.trashedWith) return false;
    const deletion = { _id: dead.trashedWith, userId: dead.userId };
    const work = (signal?: AbortSignal) => this.spread.trash(deletion, [dead._id], signal);
    await (isHeld ? work() : this.locks.tree(dead.userId, work));
    return true;
  }

  private async deleteOnce(_id: ObjectId, signal: AbortSignal): Promise<Folder> {
    const deletion = { ...trashedNow({ _id }), isTrashRoot: true, spreadingAt: new Date() };
    const marked = await this.folders
      .findOneAndUpdate({ _id, isDeleted: false }, { $set: deletion }, { returnDocument: 'after' })
      .lean();
    const folder = marked ?? (await this.folders.findById(_id).lean());
    if (!folder) throw noFolder();
    // One that is there already, but whose deletion was interrupted, is carried on with.
    if (!folder.isTrashRoot || !folder.spreadingAt || folder.isPurging) return withId(folder) as Folder;
    await this.trashAll(folder, signal);
    return this.settled(folder);
  }

  private async trashAll(folder: Folder, signal: AbortSignal): Promise<void> {
    const together = await this.folders.find({ trashedWith: folder._id }, { _id: 1 }).lean();
    await this.spread.trash(
      folder,
      together.map(({ _id }) => _id),
      signal,
    );
  }

  /** Makes the deleted folder itself live, where it lay or in the root, under its name or a numbered one. */
  private async revive(folder: Folder): Promise<Folder> {
    const { _id, userId } = folder;
    const place = { _id: folder.parent as ObjectId, userId, isDeleted: false };
    const parent = folder.parent && (await this.folders.exists(place)) ? folder.parent : null;
    const write = (name: string) =>
      this.folders.collection.findOneAndUpdate(
        { _id, isDeleted: true },
        restoredFolder({ ...namedFields(name), parent, spreadingAt: new Date() }) as never,
        { returnDocument: 'after', ...NAMING },
      );
    const taken = takenSiblings(this.folders, userId, parent);
    const restored = await writeUnderFreeName(folder.name, NameCollision.RENAME, write, taken);
    if (!restored) throw noFolder();
    return restored as unknown as Folder;
  }

  private async settled({ _id }: Folder): Promise<Folder> {
    const folder = await this.folders
      .findOneAndUpdate(
        { _id },
        { $unset: { spreadingAt: '' } },
        { returnDocument: 'after', timestamps: false },
      )
      .lean();
    if (!folder) throw noFolder();
    return withId(folder) as Folder;
  }

  private async finishRemoval(folder: Pick<Folder, '_id' | 'userId'>, signal?: AbortSignal): Promise<number> {
    const files = await this.purge.purgeAll({ trashedWith: folder._id } as never, signal);
    await this.spread.remove(folder);
    return files;
  }
}

function requireRoot({ isTrashRoot, trashedWith }: Folder): void {
  if (isTrashRoot) return;
  throw new AppError(
    'CONFLICT',
    `It went into the trash with the folder ${trashedWith?.toHexString() ?? 'above'}: restore or purge that one.`,
  );
}
