import { AppError, hasCode } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, listIndex, type StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import { NameCollision } from '../../models/name-collision.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';
import { type BulkFiles, type BulkOutcome, outcomeOf } from '../files/bulk.ts';
import { nameFields } from '../files/file-drafts.ts';
import { extensionOf, sortNameOf } from '../files/file-names.ts';
import { notFound } from '../files/files.ts';
import type { FileEvents } from '../live/file-events.ts';
import { followWords } from '../search/file-words.ts';
import type { Destination } from '../uploads/destination.ts';
import type { Viewer } from '../viewer.ts';
import type { FolderLocks } from './folder-locks.ts';
import { type FolderLookup, wouldGain } from './folder-lookup.ts';
import type { FolderTrash } from './folder-trash.ts';
import { firstFreeNumber, nameTaken, numberedName } from './free-names.ts';

type Moved = Pick<StoredFile, '_id' | 'userId' | 'folder' | 'originalName'>;
type Failures = Map<string, AppError>;

const FACTS = { userId: 1, folder: 1, originalName: 1 } as const;

/** Moves files into folders. */
export class FileMoves {
  private readonly files: Collections['files'];
  private readonly bulk: Pick<BulkFiles, 'find'>;
  private readonly lookup: FolderLookup;
  private readonly locks: FolderLocks;
  private readonly trash: Pick<FolderTrash, 'follow'>;
  private readonly events: Pick<FileEvents, 'tell'>;

  constructor(parts: {
    files: Collections['files'];
    bulk: Pick<BulkFiles, 'find'>;
    lookup: FolderLookup;
    locks: FolderLocks;
    trash: Pick<FolderTrash, 'follow'>;
    events: Pick<FileEvents, 'tell'>;
  }) {
    this.files = parts.files;
    this.bulk = parts.bulk;
    this.lookup = parts.lookup;
    this.locks = parts.locks;
    this.trash = parts.trash;
    this.events = parts.events;
  }

  /**
   * Moves the files into the folder, or with null or "root" into the root, each that may be. One whose name a file there
   * has is refused or given a numbered name, exactly also when many are moved at once; uploads refuse no name.
   */
  async move(
    viewer: Viewer,
    ids: readonly string[],
    folderId: string | null | undefined,
    rule: NameCollision,
  ): Promise<BulkOutcome> {
    const to = await this.lookup.destination(viewer, folderId);
    const { files, failures } = await this.bulk.find(viewer, ids, 'update');
    const now = new Date();
    for (const file of files) {
      const error = refusalOf(file, to, now);
      if (error) failures.set(file._id.toHexString(), error);
    }
    const open = files.filter(({ _id }) => !failures.has(_id.toHexString()));
    await this.requireMayLeave(viewer, open, failures);
    const gained = await this.lookup.gained(viewer, open, to);
    for (const { _id } of gained) failures.set(_id.toHexString(), wouldGain());
    const movable = open.flatMap(({ _id }) => (failures.has(_id.toHexString()) ? [] : [_id]));
    if (movable.length > 0)
      await this.locks.place(to.owner, to.folder, () => this.moveAll(movable, to, rule, failures));
    await this.trash.follow(to.folder);
    return outcomeOf(ids, failures);
  }

  private async moveAll(
    ids: readonly ObjectId[],
    to: Destination,
    rule: NameCollision,
    failures: Failures,
  ): Promise<void> {
    const present = { _id: { $in: ids }, userId: to.owner, isDeleted: false, ...LISTED };
    const found = await this.files.find(present as never, FACTS).lean<Moved[]>();
    const byId = new Map(found.map((file) => [file._id.toHexString(), file]));
    const names = new ChosenNames(this.files, to);
    const moving = ids.flatMap((id) => {
      const file = byId.get(id.toHexString());
      if (!file) failures.set(id.toHexString(), notFound());
      // One that lies there already keeps its name.
      return file && !isIn(file, to.folder) ? [file] : [];
    });
    await names.load(moving.map(({ originalName }) => originalName));
    const writes: { file: Moved; name: string }[] = [];
    for (const file of moving) {
      const name = await names.choose(file.originalName, rule);
      if (name === null) failures.set(file._id.toHexString(), nameTaken(file.originalName));
      else writes.push({ file, name });
    }
    await this.write(writes, to, failures);
  }

  private async write(
    writes: readonly { file: Moved; name: string }[],
    { owner, folder }: Destination,
    failures: Failures,
  ): Promise<void> {
    if (writes.length === 0) return;
    const updatedAt = new Date();
    await this.files.collection.bulkWrite(
      writes.map(({ file, name }) => {
        const renamed = name === file.originalName ? {} : nameFields(name);
        const filter = {
          _id: file._id,
          userId: owner,
          folder: file.folder ?? null,
          isDeleted: false,
          ...LISTED,
        };
        return { updateOne: { filter, update: { $set: { folder, updatedAt, ...renamed } } } } as never;
      }),
      { ordered: false },
    );
    const ids = writes.map(({ file }) => file._id);
    const renamed = writes.flatMap(({ file, name }) => (name === file.originalName ? [] : [file._id]));
    if (renamed.length > 0) await followWords(this.files, renamed);
    const there = await this.files.find({ _id: { $in: ids }, folder } as never, FACTS).lean<Moved[]>();
    const arrived = new Set(there.map(({ _id }) => _id.toHexString()));
    const former = new Map(writes.map(({ file }) => [file._id.toHexString(), file.folder ?? null]));
    for (const file of there)
      this.events.tell(FileChangeKind.UPDATED, file, former.get(file._id.toHexString()));
    for (const id of ids)
      if (!arrived.has(id.toHexString())) failures.set(id.toHexString(), movedMeanwhile());
  }

  /** Asks once for each place whether the viewer may take files out of it. */
  private async requireMayLeave(
    viewer: Viewer,
    files: readonly Pick<StoredFile, '_id' | 'userId' | 'folder'>[],
    failures: Failures,
  ): Promise<void> {
    const foreign = files.filter(({ userId }) => !userId.equals(viewer.userId));
    for (const [place, group] of Map.groupBy(foreign, ({ folder }) => String(folder ?? ''))) {
      const owner = group[0]?.userId as ObjectId;
      try {
        await this.lookup.requireMayLeave(viewer, owner, parseId(place));
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        const refusal = hasCode(error, 'NOT_FOUND') ? mayNotLeave() : error;
        for (const { _id } of group) failures.set(_id.toHexString(), refusal);
      }
    }
  }
}

/** The names in a folder that files about to come may have. */
class ChosenNames {
  private readonly files: Collections['files'];
  private readonly to: Destination;
  private readonly taken = new Set<string>();
  private readonly known = new Set<string>();
  /** Up to which number all of a name’s are taken. */
  private readonly numbers = new Map<string, number>();

  constructor(files: Collections['files'], to: Destination) {
    this.files = files;
    this.to = to;
  }

  /** Learns which of the names files there have. */
  async load(names: readonly string[]): Promise<void> {
    const { owner: userId, folder } = this.to;
    const unknown = new Set(names.map(sortNameOf).filter((name) => !this.known.has(name)));
    if (unknown.size === 0) return;
    const sortName = { $in: [...unknown] };
    const found = this.files.collection.find(
      { userId, folder, isDeleted: false, ...LISTED, sortName } as never,
      { projection: { sortName: 1 }, hint: listIndex('folder', 'sortName') },
    );
    for await (const file of found) this.taken.add(String(file.sortName));
    for (const name of unknown) this.known.add(name);
  }

  /** A name that nothing there has and nothing before was given; null where the rule allows no other than this one. */
  async choose(name: string, rule: NameCollision): Promise<string | null> {
    let chosen = name;
    if (this.taken.has(sortNameOf(name))) {
      if (rule === NameCollision.FAIL) return null;
      chosen = await this.numbered(name);
    }
    this.taken.add(sortNameOf(chosen));
    return chosen;
  }

  private async numbered(name: string): Promise<string> {
    const extension = extensionOf(name);
    const from = (this.numbers.get(name) ?? 1) + 1;
    const taken = async (names: readonly string[]) => {
      await this.load(names);
      return (each: string) => this.taken.has(sortNameOf(each));
    };
    const number = await firstFreeNumber(name, extension, taken, from);
    this.numbers.set(name, number);
    return numberedName(name, number, extension);
  }
}

function refusalOf(
  file: Pick<StoredFile, 'userId' | 'isDeleted' | 'expiryDate'>,
  { owner }: Destination,
  now: Date,
): AppError | null {
  if (!file.userId.equals(owner))
    return new AppError('FORBIDDEN', 'A file can’t be moved to another account: copy it instead.');
  if (file.isDeleted) return new AppError('CONFLICT', 'The file is in the trash: restore it first.');
  if (file.expiryDate && file.expiryDate <= now) return new AppError('GONE', 'The file has expired.');
  return null;
}

const isIn = (file: Moved, folder: ObjectId | null) => String(file.folder ?? '') === String(folder ?? '');

const mayNotLeave = () =>
  new AppError('FORBIDDEN', 'What you were given does not allow to take it out of its folder.');

const movedMeanwhile = () => new AppError('CONFLICT', 'The file was moved or deleted meanwhile; look again.');
