import type { Collections } from '../../models/collections.ts';
import { LISTED, listIndex, type StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import type { Folder } from '../../models/folder.ts';
import { isDuplicateKey, type ObjectId } from '../../models/object-id.ts';
import type { FileEvents } from '../live/file-events.ts';
import { forgetFolders, type GivenCollections } from '../sharing/permissions/forgotten-things.ts';
import { chunks } from './chunks.ts';
import {
  NAMING,
  namedFields,
  restoredFile,
  restoredFolder,
  takenSiblings,
  trashedNow,
} from './folder-fields.ts';
import type { FolderTree } from './folder-tree.ts';
import { firstFreeName } from './free-names.ts';

/** The deletion that something goes into the trash with. */
export type Deletion = Pick<Folder, '_id' | 'userId'>;

const AT_ONCE = 1_000;
const MOST_TOLD = 1_000;

/** Brings to everything below a folder what was done to the folder; each step may be repeated after a crash. */
export class FolderSpread {
  private readonly folders: Collections['folders'];
  private readonly files: Collections['files'];
  private readonly given: GivenCollections;
  private readonly tree: FolderTree;
  private readonly events: Pick<FileEvents, 'tell'>;

  constructor(parts: {
    collections: Pick<Collections, 'folders' | 'files'> & GivenCollections;
    tree: FolderTree;
    events: Pick<FileEvents, 'tell'>;
  }) {
    this.folders = parts.collections.folders;
    this.files = parts.collections.files;
    this.given = parts.collections;
    this.tree = parts.tree;
    this.events = parts.events;
  }

  /**
   * Puts everything live below these folders, which are in the trash by it, into the trash with the deletion. Nothing
   * may move folders meanwhile.
   */
  async trash(deletion: Deletion, from: readonly ObjectId[], signal?: AbortSignal): Promise<void> {
    const { userId } = deletion;
    const places = [...from];
    // What is made below meanwhile is met by the next round: its parent is in the trash by then, where nothing new begins.
    for (let level = places; level.length > 0; ) {
      const live = await this.tree.below(userId, level);
      for (const some of chunks(live, AT_ONCE)) {
        signal?.throwIfAborted();
        await this.beat(deletion);
        await this.folders.collection.updateMany(
          { _id: { $in: some }, userId, isDeleted: false },
          { $set: trashedNow(deletion) },
        );
      }
      for (const folder of live) places.push(folder);
      level = live;
    }
    let told = 0;
    for (const some of chunks(places, AT_ONCE)) {
      signal?.throwIfAborted();
      told = await this.trashFiles(deletion, some, told);
    }
  }

  /** Puts the live files of these folders into the trash; resolves with how many were told of, those before included. */
  async trashFiles(deletion: Deletion, places: ObjectId[], told = 0): Promise<number> {
    const { userId } = deletion;
    const lying = { userId, folder: { $in: places }, isDeleted: false, ...LISTED };
    for (let count = told; ; ) {
      const some = await this.filesOf(lying, listIndex('folder', 'createdAt'));
      if (some.length === 0) return count;
      await this.beat(deletion);
      const update = { $set: trashedNow(deletion) };
      await this.files.collection.updateMany({ ...lying, _id: { $in: idsOf(some) } } as never, update);
      count = this.tell(FileChangeKind.TRASHED, some, count);
    }
  }

  /** Takes everything that went into the trash with the deletion out again; a name that is taken gets a number. */
  async restore(deletion: Deletion, signal?: AbortSignal): Promise<void> {
    const together = { trashedWith: deletion._id };
    const others = { ...together, _id: { $ne: deletion._id } };
    for (;;) {
      signal?.throwIfAborted();
      const some = await this.folders.find(others).limit(AT_ONCE).lean();
      if (some.length === 0) break;
      await this.beat(deletion);
      await this.restoreFolders(some);
    }
    for (let told = 0; ; ) {
      signal?.throwIfAborted();
      const some = await this.filesOf(together, 'trashed_together');
      if (some.length === 0) return;
      await this.beat(deletion);
      const ids = { $in: idsOf(some) };
      await this.files.collection.updateMany({ ...together, _id: ids } as never, restoredFile() as never);
      told = this.tell(FileChangeKind.RESTORED, some, told);
    }
  }

  /** Makes what one deletion took a part of another one. */
  async adopt(from: ObjectId, trashedWith: ObjectId): Promise<void> {
    const together = { trashedWith: from };
    await this.folders.collection.updateMany(together, { $set: { trashedWith } });
    await this.files.collection.updateMany(together as never, { $set: { trashedWith } } as never);
  }

  /** Removes every folder that went into the trash with the deletion, and at last the deleted one. */
  async remove({ _id }: Deletion): Promise<void> {
    const others = { trashedWith: _id, _id: { $ne: _id } };
    for (;;) {
      const some = await this.folders.find(others, { _id: 1 }).limit(AT_ONCE).lean();
      if (some.length === 0) break;
      await this.forget(idsOf(some));
    }
    await this.forget([_id]);
  }

  private async forget(ids: ObjectId[]): Promise<void> {
    await forgetFolders(this.given, ids);
    await this.folders.deleteMany({ _id: { $in: ids } });
  }

  /** Shows that somebody is at it, where something is being spread. */
  private async beat({ _id }: Deletion): Promise<void> {
    await this.folders.collection.updateOne(
      { _id, spreadingAt: { $exists: true } },
      { $set: { spreadingAt: new Date() } },
    );
  }

  private async restoreFolders(some: readonly Folder[]): Promise<void> {
    try {
      await this.folders.collection.updateMany(
        { _id: { $in: idsOf(some) } },
        restoredFolder() as never,
        NAMING,
      );
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      for (const folder of some) await this.restoreOne(folder);
    }
  }

  private async restoreOne(folder: Folder): Promise<void> {
    const write = (fields: object) =>
      this.folders.collection.updateOne({ _id: folder._id }, restoredFolder(fields) as never, NAMING);
    try {
      await write({});
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const taken = takenSiblings(this.folders, folder.userId, folder.parent);
      await write(namedFields(await firstFreeName(folder.name, '', taken)));
    }
  }

  private filesOf(filter: object, hint: string): Promise<StoredFile[]> {
    return this.files
      .find(filter as never, { userId: 1, folder: 1 })
      .hint(hint)
      .limit(AT_ONCE)
      .lean<StoredFile[]>();
  }

  private tell(kind: FileChangeKind, files: readonly StoredFile[], told: number): number {
    for (const file of files.slice(0, MOST_TOLD - told)) this.events.tell(kind, file);
    return Math.min(told + files.length, MOST_TOLD);
  }
}

const idsOf = (documents: readonly { _id: ObjectId }[]) => documents.map(({ _id }) => _id);
