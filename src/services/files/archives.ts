import type { Readable } from 'node:stream';
import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, listIndex, type StoredFile } from '../../models/file.ts';
import type { Folder } from '../../models/folder.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { FolderTree } from '../folders/folder-tree.ts';
import { withId } from '../with-id.ts';
import { ArchivePaths, MAX_PATH_BYTES, type NamedFolder } from './archive-names.ts';
import { checkedIds } from './bulk.ts';
import { AWAITS_SCAN, type DownloadService } from './downloads.ts';
import { notFound } from './files.ts';

/** The facts of a file that an archive is planned by. */
export type ArchivedFile = Pick<
  StoredFile,
  '_id' | 'userId' | 'folder' | 'isDeleted' | 'isPublic' | 'access' | 'originalName' | 'fileSize'
> &
  Pick<StoredFile, 'blob' | 'contentAt' | 'createdAt' | 'expiryDate' | 'isAwaitingScan'>;

/** By what right somebody gets the contents of an archive: as an account, or by a link. */
export interface ArchiveRight {
  /** Those of the files whose contents may be fetched by it. */
  allowed(files: readonly ArchivedFile[]): Promise<readonly ArchivedFile[]>;
  /** Why one that is there is not among those; NOT_FOUND where nothing is said. */
  refusal?(file: ArchivedFile): AppError;
  /** Whether this file’s content may still be fetched; asked when its turn has come. */
  stillAllowed(file: StoredFile): Promise<boolean>;
  /** Hears of each file as its first byte is about to leave, with its bytes, which it may watch. */
  began(file: StoredFile, bytes: Readable): void;
  /** Watches the archive as a whole: destroying the stream with an error breaks it off. */
  watch(whole: Readable): void;
}

/** A file in an archive, or a folder that has nothing in it. */
export interface ArchiveEntry {
  /** Its parts are parted by `/`; no two are alike, and none is absolute or leads upwards. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly modifiedAt: Date;
  /** The content’s bytes, checked anew; null for a folder. Rejects where it may not be fetched any more. */
  readonly open: (() => Promise<Readable>) | null;
}

/** Files that are to be sent as one. */
export interface Archive {
  /** What it is called, without an extension. */
  readonly name: string;
  readonly entries: readonly ArchiveEntry[];
  readonly right: ArchiveRight;
}

/** The most files that one archive has. */
export const MOST_ARCHIVED = 100_000;
const BATCH = 1_000;
const FLAT_NAME = 'files';

/** Plans archives: which files are in them, under which names. What makes a file of the plan comes from elsewhere. */
export class Archives {
  private readonly collections: Pick<Collections, 'files' | 'folders'>;
  private readonly tree: FolderTree;
  private readonly downloads: Pick<DownloadService, 'open'>;

  constructor(parts: {
    collections: Pick<Collections, 'files' | 'folders'>;
    tree: FolderTree;
    downloads: Pick<DownloadService, 'open'>;
  }) {
    this.collections = parts.collections;
    this.tree = parts.tree;
    this.downloads = parts.downloads;
  }

  /**
   * An archive of these files, side by side. Rejects before any byte where one of them cannot be had: NOT_FOUND, GONE,
   * FILE_LOCKED; BAD_USER_INPUT for none, more than 1,000, or the same twice.
   */
  async ofFiles(ids: readonly string[], right: ArchiveRight): Promise<Archive> {
    const wanted = checkedIds(ids);
    const found = await this.collections.files.find({ _id: { $in: wanted }, ...LISTED }, FACTS).lean();
    const live = new Map(found.filter(({ isDeleted }) => !isDeleted).map((file) => [keyOf(file), file]));
    const allowed = new Set((await right.allowed([...live.values()])).map(keyOf));
    const inOrder = ids.map((id) => {
      const file = live.get(id.toLowerCase());
      if (!file) throw notFound();
      if (!allowed.has(keyOf(file))) throw right.refusal?.(file) ?? notFound();
      if (hasExpired(file)) throw new AppError('GONE', 'The file has expired.');
      return file;
    });
    const paths = new ArchivePaths([]);
    const entries = inOrder.map((file) => this.entryOf(file, paths.file(null, file.originalName), right));
    return { name: FLAT_NAME, entries, right };
  }

  /**
   * An archive of everything below a live folder that lists show by this right; rejects before any byte with FORBIDDEN or
   * FILE_LOCKED where a content of it may not be had, with PAYLOAD_TOO_LARGE for more than 100,000 files.
   */
  async ofFolder(folder: Pick<Folder, '_id' | 'userId' | 'name'>, right: ArchiveRight): Promise<Archive> {
    const { _id, userId, name } = folder;
    const below = await this.foldersIn(userId, await this.tree.below(userId, _id));
    const paths = new ArchivePaths([{ _id, name, parent: null }, ...below]);
    const ids = [_id, ...below.map((each) => each._id)];
    const used = new Set<string>(below.map(({ parent }) => parent?.toHexString() ?? ''));
    const entries: ArchiveEntry[] = [];
    for (let i = 0; i < ids.length; i += BATCH) {
      for await (const file of this.filesIn(userId, ids.slice(i, i + BATCH), right)) {
        const place = file.folder as ObjectId;
        used.add(place.toHexString());
        if (entries.length >= MOST_ARCHIVED) throw tooMany();
        entries.push(this.entryOf(file, paths.file(place, file.originalName), right));
      }
    }
    const modifiedAt = new Date();
    for (const id of ids) {
      if (used.has(id.toHexString())) continue;
      entries.push(checked({ path: paths.of(id), size: 0, modifiedAt, open: null }));
    }
    return { name, entries, right };
  }

  private async foldersIn(userId: ObjectId, ids: readonly ObjectId[]): Promise<NamedFolder[]> {
    if (ids.length > MOST_ARCHIVED) throw tooMany();
    const named = new Map<string, NamedFolder>();
    for (let i = 0; i < ids.length; i += BATCH) {
      const some = { _id: { $in: ids.slice(i, i + BATCH) }, userId, isDeleted: false };
      for (const each of await this.collections.folders.find(some, { name: 1, parent: 1 }).lean())
        named.set(each._id.toHexString(), each);
    }
    return ids.flatMap((id) => named.get(id.toHexString()) ?? []);
  }

  private async *filesIn(
    userId: ObjectId,
    folders: readonly ObjectId[],
    right: ArchiveRight,
  ): AsyncGenerator<ArchivedFile> {
    const found = this.collections.files
      .find({ userId, folder: { $in: folders }, isDeleted: false, ...LISTED }, FACTS)
      .hint(listIndex('folder', 'createdAt'))
      .batchSize(BATCH)
      .lean();
    let batch: ArchivedFile[] = [];
    for await (const file of found) {
      if (!hasExpired(file)) batch.push(file);
      if (batch.length < BATCH) continue;
      yield* await downloadable(batch, right);
      batch = [];
    }
    yield* await downloadable(batch, right);
  }

  private entryOf(file: ArchivedFile, path: string, right: ArchiveRight): ArchiveEntry {
    const { _id, blob, fileSize, createdAt, contentAt, isAwaitingScan } = file;
    if (isAwaitingScan) throw new AppError('FILE_LOCKED', AWAITS_SCAN);
    const open = () => this.open(_id, blob, right);
    return checked({ path, size: fileSize, modifiedAt: contentAt ?? createdAt, open });
  }

  /** The content as it was planned, also where another version has come since, if the file may still be fetched. */
  private async open(_id: ObjectId, blob: ObjectId | undefined, right: ArchiveRight): Promise<Readable> {
    const found = await this.collections.files.findOne({ _id, isDeleted: false, ...LISTED }).lean();
    if (!found || hasExpired(found) || !(await right.stillAllowed(found))) throw notFound();
    if (found.isAwaitingScan) throw new AppError('FILE_LOCKED', AWAITS_SCAN);
    const file = withId({ ...found, ...(blob && { blob }) });
    const bytes = await this.downloads.open(file);
    right.began(file, bytes);
    return bytes;
  }
}

/** Those of a folder’s files that lists show by the right; FORBIDDEN where one of them may be seen and not fetched. */
async function downloadable(
  files: readonly ArchivedFile[],
  right: ArchiveRight,
): Promise<readonly ArchivedFile[]> {
  const allowed = await right.allowed(files);
  if (allowed.length === files.length) return allowed;
  const given = new Set(allowed);
  const refused = files.find((file) => !given.has(file) && file.access.canView);
  if (refused) throw new AppError('FORBIDDEN', `“${refused.originalName}” may not be downloaded.`);
  return allowed;
}

function checked(entry: ArchiveEntry): ArchiveEntry {
  // One byte more for the slash of a folder.
  if (Buffer.byteLength(entry.path) < MAX_PATH_BYTES) return entry;
  throw new AppError('BAD_USER_INPUT', 'Folders lie too deep in one another for an archive.');
}

const FACTS = {
  userId: 1,
  folder: 1,
  isDeleted: 1,
  isPublic: 1,
  access: 1,
  originalName: 1,
  fileSize: 1,
  blob: 1,
  contentAt: 1,
  createdAt: 1,
  expiryDate: 1,
  isAwaitingScan: 1,
} as const;

const keyOf = ({ _id }: ArchivedFile) => _id.toHexString();
const hasExpired = ({ expiryDate }: Pick<StoredFile, 'expiryDate'>) =>
  expiryDate != null && expiryDate <= new Date();

const tooMany = () =>
  new AppError(
    'PAYLOAD_TOO_LARGE',
    `An archive has at most ${MOST_ARCHIVED} files: take parts of the folder.`,
  );
