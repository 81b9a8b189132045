import type { Stores } from '../../blobs/stores.ts';
import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, listIndex, type StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import { NameCollision } from '../../models/name-collision.ts';
import type { BlobReferences } from '../copies/blob-references.ts';
import { shareBlob } from '../copies/blob-sharing.ts';
import { completion, draftOf, type FileDraft } from '../files/file-drafts.ts';
import { extensionOf, sortNameOf } from '../files/file-names.ts';
import { type FileService, notFound } from '../files/files.ts';
import type { FilePlaces } from '../folders/file-places.ts';
import type { FolderLocks } from '../folders/folder-locks.ts';
import type { FolderLookup } from '../folders/folder-lookup.ts';
import { firstFreeNumber, nameTaken, numberedName } from '../folders/free-names.ts';
import type { Ledger } from '../ledger.ts';
import type { FileEvents } from '../live/file-events.ts';
import { isToBeProcessed } from '../processing/told-processing.ts';
import type { WantedProcessing } from '../processing/wanted-processing.ts';
import { UNSCANNED } from '../scanning/judgement.ts';
import type { Destination } from '../uploads/destination.ts';
import type { UploadRecords } from '../uploads/upload-records.ts';
import type { UploadUndo } from '../uploads/upload-undo.ts';
import type { UploadService } from '../uploads/uploads.ts';
import type { Viewer } from '../viewer.ts';

/** Where a copy is to go and what it is to be called; what is absent is the root, and the name that the file has. */
export interface CopyOrder {
  readonly folderId?: string | null | undefined;
  readonly name?: string | null | undefined;
  readonly onCollision?: NameCollision | null | undefined;
}

/** What copies are made with. */
export interface CopyParts {
  readonly collections: Pick<Collections, 'blobs' | 'files'>;
  readonly service: Pick<FileService, 'get'>;
  readonly uploads: Pick<UploadService, 'requireMay'>;
  readonly folders: Pick<FolderLookup, 'destination'>;
  readonly locks: Pick<FolderLocks, 'place'>;
  readonly places: Pick<FilePlaces, 'settle'>;
  readonly records: UploadRecords;
  readonly stores: Stores;
  readonly usage: Ledger;
  readonly references: BlobReferences;
  readonly undo: UploadUndo;
  /** Is told which contents are to be processed; without it they are found later. */
  readonly processing?: Pick<WantedProcessing, 'add'>;
  readonly events: Pick<FileEvents, 'tell'>;
}

/** Copies files without copying a byte: the copy is a file of its own that refers to the same blob. */
export class FileCopies {
  private readonly parts: CopyParts;

  constructor(parts: CopyParts) {
    this.parts = parts;
  }

  /**
   * Makes a copy that belongs to the folder’s owner, and counts against its quota. NOT_FOUND where the viewer may not
   * fetch the file or not put one there; FILE_LOCKED while it waits for a scan; QUOTA_EXCEEDED; CONFLICT where the name is
   * taken and another one not wanted, or where the content went away meanwhile.
   */
  async copy(viewer: Viewer, id: string, order: CopyOrder): Promise<StoredFile> {
    const { service, uploads, folders, locks, places, events } = this.parts;
    uploads.requireMay(viewer);
    const source = await service.get(viewer, id, 'download');
    if (source.isDeleted) throw notFound();
    if (source.isAwaitingScan) {
      throw new AppError(
        'FILE_LOCKED',
        'The content waits for a virus scan. An administrator may release it.',
      );
    }
    const to = await folders.destination(viewer, order.folderId);
    const rule = order.onCollision ?? NameCollision.RENAME;
    const wanted = order.name?.normalize('NFC') ?? source.originalName;
    const copy = await locks.place(to.owner, to.folder, async () =>
      this.make(source, to, await this.freeName(to, wanted, rule)),
    );
    events.tell(FileChangeKind.CREATED, copy);
    return { ...copy, ...(await places.settle(copy)) };
  }

  /** As an upload whose bytes are there already: the document first, then its claims, then one step that completes it. */
  private async make(source: StoredFile, to: Destination, name: string): Promise<StoredFile> {
    const { stores, records, usage, references, undo } = this.parts;
    const { description, tags, fileSize } = source;
    const draft = {
      ...draftOf(to, name, { description, tags }, stores.primary),
      uploadStatus: UploadStatus.UPLOADING,
    };
    const id = draft._id;
    try {
      await records.insert(draft as FileDraft);
      if (!(await usage.claim(to.owner, id, fileSize))) {
        throw new AppError('QUOTA_EXCEEDED', 'The account’s storage quota cannot hold this file.');
      }
      const set = await this.complete(source, id);
      usage.settleSoon(to.owner, id);
      references.ledger.settleSoon(set.blob, id);
      if (isToBeProcessed(set)) this.parts.processing?.add(set.blob);
      return { ...draft, ...set, id: id.toHexString() } as unknown as StoredFile;
    } catch (error) {
      await undo.undo(id, { blob: source.blob });
      throw error;
    }
  }

  private async complete(source: StoredFile, id: StoredFile['_id']) {
    const { collections, records } = this.parts;
    const blob = source.blob && (await shareBlob(collections.blobs, source.blob, id));
    if (!blob) throw contentGone();
    const { fileSize: size, fileHash: hash, mimeType } = source;
    const change = completion({ size, hash, mimeType }, blob);
    const set = { ...change.set, virus: blob.virus ?? UNSCANNED };
    if (!(await records.complete(id, { ...change, set } as typeof change))) throw contentGone();
    return set;
  }

  private async freeName(to: Destination, name: string, rule: NameCollision): Promise<string> {
    const isTaken = await this.taken(to, [name]);
    if (!isTaken(name)) return name;
    if (rule === NameCollision.FAIL) throw nameTaken(name);
    const extension = extensionOf(name);
    const number = await firstFreeNumber(name, extension, (names) => this.taken(to, names));
    return numberedName(name, number, extension);
  }

  /** Which of the names files of the place have, whatever the case. */
  private async taken({ owner, folder }: Destination, names: readonly string[]) {
    const found = await this.parts.collections.files
      .find(
        { userId: owner, folder, isDeleted: false, sortName: { $in: names.map(sortNameOf) }, ...LISTED },
        { sortName: 1 },
      )
      .hint(listIndex('folder', 'sortName'))
      .lean();
    const sortNames = new Set(found.map(({ sortName }) => sortName));
    return (name: string) => sortNames.has(sortNameOf(name));
  }
}

const contentGone = () => new AppError('CONFLICT', 'The file’s content went away meanwhile; try again.');
