import { AppError } from '../../errors.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import type { FileAccess } from '../../models/file-details.ts';
import { parseId } from '../../models/object-id.ts';
import { wordFields } from '../../texts/described-words.ts';
import type { FileAction } from '../access.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { FilePlaces } from '../folders/file-places.ts';
import type { FileEvents } from '../live/file-events.ts';
import { followWords } from '../search/file-words.ts';
import type { HeldPermissions } from '../sharing/permissions/held-permissions.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import { cleanTags, nameFields } from './file-drafts.ts';
import type { FilePurge } from './file-purge.ts';
import { type StorageSummary, storageSummary } from './storage-stats.ts';

/** What may be changed of a file; an absent field stays, null clears where null is allowed. */
export interface FileChanges {
  readonly originalName?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly isPublic?: boolean | null | undefined;
  readonly expiryDate?: Date | null | undefined;
  /** The owner’s locks; those that are left out stay. */
  readonly access?: { readonly [lock in keyof FileAccess]?: boolean | null | undefined } | null | undefined;
}

/** Files that were found infected. */
export interface HeldFiles {
  /** Removes one for good where the viewer may; false when there is none for it. */
  purge(viewer: Viewer, id: string): Promise<boolean>;
}

/** The error for everything that is not there for this viewer, whether it exists or not. */
export const notFound = () => new AppError('NOT_FOUND', 'There is no such file.');

/** One file at a time: see, change, trash, restore, remove. */
export class FileService {
  private readonly files: Collections['files'];
  private readonly purge: FilePurge;
  private readonly audit: Pick<AuditTrail, 'record'>;
  private readonly access: Pick<HeldPermissions, 'require'>;
  private readonly events: Pick<FileEvents, 'tell'>;
  private readonly held: HeldFiles | null;
  private readonly places: FilePlaces | null;

  constructor(parts: {
    files: Collections['files'];
    purge: FilePurge;
    audit: Pick<AuditTrail, 'record'>;
    access: Pick<HeldPermissions, 'require'>;
    events: Pick<FileEvents, 'tell'>;
    held?: HeldFiles | null;
    /** Looks after the folders that files come back into; without it they come back into the root. */
    places?: FilePlaces;
  }) {
    this.files = parts.files;
    this.purge = parts.purge;
    this.audit = parts.audit;
    this.access = parts.access;
    this.events = parts.events;
    this.held = parts.held ?? null;
    this.places = parts.places ?? null;
  }

  /**
   * The file, if the viewer may do all of this to it. FORBIDDEN for whoever was given less of it, NOT_FOUND for all others, and GONE once
   * its expiry date has passed. A malformed id is as absent as an unknown one.
   */
  async get(
    viewer: Pick<Viewer, 'userId'> | null,
    id: string,
    ...actions: readonly FileAction[]
  ): Promise<StoredFile> {
    const file = await this.find(viewer, id, ...(actions.length > 0 ? actions : (['view'] as const)));
    if (!file.isDeleted && file.expiryDate && file.expiryDate <= new Date()) {
      throw new AppError('GONE', 'The file has expired.');
    }
    return withId(file);
  }

  /** Changes what is said of the file; rejects as `get` does, by what each change takes. */
  async update(viewer: Viewer, id: string, changes: FileChanges): Promise<StoredFile> {
    const set: Record<string, unknown> = {};
    if (changes.originalName != null) Object.assign(set, nameFields(changes.originalName.normalize('NFC')));
    if (changes.description !== undefined) set.description = changes.description;
    if (changes.tags != null) set.tags = cleanTags(changes.tags);
    if (changes.isPublic != null) set.isPublic = changes.isPublic;
    if (changes.expiryDate !== undefined) set.expiryDate = changes.expiryDate;
    for (const [lock, value] of Object.entries(changes.access ?? {})) {
      if (value != null) set[`access.${lock}`] = value;
    }
    const file = await this.get(viewer, id, ...takenBy(changes));
    const isRenamed = ['originalName', 'tags', 'description'].some((field) => field in set);
    const { words, wordEnds } = wordFields({ ...file, ...set });
    // Found by what is new from this step on; what it is not found by any more follows.
    const found = isRenamed ? { $push: { words: { $each: words, $position: 0 } } } : {};
    const changed = await this.change(
      file,
      {},
      { $set: { ...set, ...(isRenamed && { wordEnds }) }, ...found },
    );
    if (isRenamed) await followWords(this.files, [file._id]);
    this.events.tell(FileChangeKind.UPDATED, changed);
    return changed;
  }

  /** Puts the file into the trash; a file that lies there already stays as it is. */
  async trash(viewer: Viewer, id: string): Promise<StoredFile> {
    const file = await this.find(viewer, id, 'delete');
    if (file.isDeleted) return withId(file);
    const trashed = await this.change(file, {}, { $set: { isDeleted: true, deletedAt: new Date() } });
    this.events.tell(FileChangeKind.TRASHED, trashed);
    const { _id: target, userId: subject } = file;
    await this.audit.record({ action: AuditAction.FILE_DELETED, by: viewer, subject, target });
    return trashed;
  }

  /**
   * Takes the file out of the trash, into the root where its folder is not live; an expiry date that has passed is cleared,
   * or it would be gone again at once.
   */
  async restore(viewer: Viewer, id: string): Promise<StoredFile> {
    const file = await this.find(viewer, id, 'own');
    if (!file.isDeleted) return this.get(viewer, id);
    const expired = file.expiryDate != null && file.expiryDate <= new Date();
    const folder = (await this.places?.liveOrRoot(file.userId, file.folder)) ?? null;
    const restored = await this.change(
      file,
      { isDeleted: true },
      {
        $set: { isDeleted: false, deletedAt: null, folder, ...(expired && { expiryDate: null }) },
        $unset: { trashedWith: '' },
      },
    );
    await this.places?.settle(restored);
    this.events.tell(FileChangeKind.RESTORED, restored);
    return restored;
  }

  /** Removes the file for good, in the trash or not, for administrators also in quarantine, and gives its bytes back to the quota; resolves with its id. */
  async remove(viewer: Viewer, id: string): Promise<string> {
    if (await this.held?.purge(viewer, id)) return id;
    const file = await this.find(viewer, id, 'own');
    if (!(await this.purge.purge(file._id))) throw notFound();
    await this.audit.record({ action: AuditAction.FILE_PURGED, by: viewer, target: file._id });
    return id;
  }

  /** Removes everything in the viewer’s trash for good; resolves with how many files that were. */
  async emptyTrash(viewer: Viewer): Promise<number> {
    const files = await this.purge.purgeAll({ userId: viewer.userId, isDeleted: true });
    await this.places?.emptyTrash(viewer.userId);
    if (files > 0)
      await this.audit.record({ action: AuditAction.TRASH_EMPTIED, by: viewer, details: { files } });
    return files;
  }

  /** Sums over the viewer’s files. */
  summary(viewer: Viewer): Promise<StorageSummary> {
    return storageSummary(this.files, viewer);
  }

  /** The file, expired or not, if the viewer may do all of this to it. */
  private async find(
    viewer: Pick<Viewer, 'userId'> | null,
    id: string,
    ...actions: readonly FileAction[]
  ): Promise<StoredFile> {
    const _id = parseId(id);
    const file = _id && (await this.files.findOne({ _id, ...LISTED }).lean());
    if (!file) throw notFound();
    await this.access.require(viewer, actions, file, notFound);
    return file;
  }

  private async change({ _id, userId }: StoredFile, condition: object, update: object): Promise<StoredFile> {
    const changed = await this.files
      .findOneAndUpdate({ _id, userId, ...LISTED, ...condition }, update, { returnDocument: 'after' })
      .lean();
    if (!changed) throw notFound();
    return withId(changed);
  }
}

/** What changes take: who makes a file public shares it, and who gives it an end deletes it. */
function takenBy({ isPublic, expiryDate, access }: FileChanges): FileAction[] {
  return [
    'update',
    ...(isPublic != null ? (['share'] as const) : []),
    ...(expiryDate !== undefined ? (['delete'] as const) : []),
    ...(access != null ? (['own'] as const) : []),
  ];
}
