import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { Folder } from '../../models/folder.ts';
import type { NameCollision } from '../../models/name-collision.ts';
import { ObjectId } from '../../models/object-id.ts';
import type { FileAction } from '../access.ts';
import type { Destination } from '../uploads/destination.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import { NAMING, namedFields, takenSiblings } from './folder-fields.ts';
import type { FolderLocks } from './folder-locks.ts';
import { type FolderLookup, noFolder, wouldGain } from './folder-lookup.ts';
import type { FolderTrash } from './folder-trash.ts';
import type { FolderTree } from './folder-tree.ts';
import { writeUnderFreeName } from './free-names.ts';

/** One folder at a time: see, make, rename, move. */
export class FolderService {
  private readonly folders: Collections['folders'];
  private readonly grants: Collections['grants'];
  private readonly lookup: FolderLookup;
  private readonly locks: FolderLocks;
  private readonly trash: Pick<FolderTrash, 'follow'>;
  private readonly tree: FolderTree;

  constructor(parts: {
    collections: Pick<Collections, 'folders' | 'grants'>;
    lookup: FolderLookup;
    locks: FolderLocks;
    trash: Pick<FolderTrash, 'follow'>;
    tree: FolderTree;
  }) {
    this.folders = parts.collections.folders;
    this.grants = parts.collections.grants;
    this.lookup = parts.lookup;
    this.locks = parts.locks;
    this.trash = parts.trash;
    this.tree = parts.tree;
  }

  /** The folder, if the viewer may do this to it; FORBIDDEN for whoever was given less, else NOT_FOUND. */
  get(viewer: Pick<Viewer, 'userId'> | null, id: string, action: FileAction = 'view'): Promise<Folder> {
    return this.lookup.get(viewer, id, action);
  }

  /** The folders of these ids in their order; null for each that the viewer may not see. */
  viewable(viewer: Pick<Viewer, 'userId'> | null, ids: readonly string[]): Promise<(Folder | null)[]> {
    return this.lookup.viewable(viewer, ids);
  }

  /** Where something new of the viewer’s goes: a live folder that it may change, for a public file also share, or with null or "root" its own root. */
  destination(
    viewer: Viewer,
    id: string | null | undefined,
    facts: { readonly isPublic?: boolean | null | undefined } = {},
  ): Promise<Destination> {
    return this.lookup.destination(viewer, id, facts);
  }

  /** Whether others’ folders may be open to the viewer, so that its own quota does not decide alone what it may store. */
  async mayStoreElsewhere({ userId }: Viewer): Promise<boolean> {
    return Boolean(await this.grants.exists({ grantee: userId }));
  }

  /** Makes a folder; CONFLICT, or a numbered name, where a sibling has its name. */
  async create(
    viewer: Viewer,
    { name, parentId }: { name: string; parentId?: string | null | undefined },
    rule: NameCollision,
  ): Promise<Folder> {
    const { owner, folder: parent } = await this.lookup.destination(viewer, parentId);
    const now = new Date();
    const write = async (name: string) => {
      const made = {
        _id: new ObjectId(),
        userId: owner,
        ...namedFields(name),
        parent,
        isDeleted: false,
        deletedAt: null,
        createdAt: now,
        updatedAt: now,
      };
      await this.folders.collection.insertOne({ ...made }, NAMING);
      return made as unknown as Folder;
    };
    const taken = takenSiblings(this.folders, owner, parent);
    const made = await writeUnderFreeName(name.normalize('NFC'), rule, write, taken);
    if (await this.trash.follow(parent)) throw noFolder();
    return withId(made);
  }

  /** Gives the folder another name; CONFLICT, or a numbered name, where a sibling has it. */
  async rename(viewer: Viewer, id: string, name: string, rule: NameCollision): Promise<Folder> {
    const { _id, userId, parent } = await this.present(viewer, id);
    const clean = name.normalize('NFC');
    const write = (name: string) => this.change({ _id, parent }, namedFields(name));
    return writeUnderFreeName(clean, rule, write, takenSiblings(this.folders, userId, parent));
  }

  /**
   * Moves the folder with everything below it into another one, or with null or "root" into the root. CONFLICT when that
   * one lies below it, FORBIDDEN when it is another account’s, or one where the viewer holds more.
   */
  async move(
    viewer: Viewer,
    id: string,
    parentId: string | null | undefined,
    rule: NameCollision,
  ): Promise<Folder> {
    const present = await this.present(viewer, id);
    const { _id, userId, parent: from } = present;
    const destination = await this.lookup.destination(viewer, parentId);
    const { owner, folder: to } = destination;
    if (!owner.equals(userId)) throw otherOwner();
    await this.lookup.requireMayLeave(viewer, userId, from);
    if ((await this.lookup.gained(viewer, [present], destination)).length > 0) throw wouldGain();
    return this.locks.tree(userId, async (signal) => {
      const folder = await this.folders.findOne({ _id, userId, isDeleted: false }).lean();
      // Whoever may leave one place may not leave every other.
      if (!folder || String(folder.parent) !== String(from)) throw movedMeanwhile();
      await this.requireApart(_id, userId, to);
      signal.throwIfAborted();
      const write = (name: string) => this.change(folder, { ...namedFields(name), parent: to });
      const moved = await writeUnderFreeName(
        folder.name,
        rule,
        write,
        takenSiblings(this.folders, userId, to),
      );
      if (await this.trash.follow(to, true)) throw noFolder();
      return moved;
    });
  }

  /** A live folder that the viewer may change. */
  private async present(viewer: Viewer, id: string): Promise<Folder> {
    const folder = await this.lookup.get(viewer, id, 'update');
    if (folder.isDeleted) throw new AppError('CONFLICT', 'The folder is in the trash: restore it first.');
    return folder;
  }

  private async requireApart(_id: ObjectId, userId: ObjectId, to: ObjectId | null): Promise<void> {
    if (!to) return;
    if (await this.tree.isWithin(userId, to, _id))
      throw new AppError('CONFLICT', 'A folder can’t be moved into itself or below itself.');
  }

  private async change({ _id, parent }: Pick<Folder, '_id' | 'parent'>, fields: object): Promise<Folder> {
    const changed = await this.folders.collection.findOneAndUpdate(
      { _id, parent, isDeleted: false },
      { $set: { ...fields, updatedAt: new Date() } },
      { returnDocument: 'after', ...NAMING },
    );
    if (!changed) throw movedMeanwhile();
    return withId(changed) as unknown as Folder;
  }
}

const otherOwner = () =>
  new AppError('FORBIDDEN', 'A folder can’t be moved to another account: copy its files instead.');

const movedMeanwhile = () =>
  new AppError('CONFLICT', 'The folder was moved or deleted meanwhile; look again.', { retryAfter: 1 });
