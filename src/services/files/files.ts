import { AppError } from '../../errors.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import { parseId } from '../../models/object-id.ts';
import { type FileAction, may } from '../access.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import { cleanTags, nameFields } from './file-drafts.ts';
import type { FilePurge } from './file-purge.ts';
import { type StorageSummary, storageSummary } from './storage-stats.ts';

/** What an owner may change; an absent field stays, null clears where null is allowed. */
export interface FileChanges {
  readonly originalName?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly isPublic?: boolean | null | undefined;
  readonly expiryDate?: Date | null | undefined;
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
  private readonly held: HeldFiles | null;

  constructor(
    files: Collections['files'],
    purge: FilePurge,
    audit: Pick<AuditTrail, 'record'>,
    held: HeldFiles | null = null,
  ) {
    this.files = files;
    this.purge = purge;
    this.audit = audit;
    this.held = held;
  }

  /**
   * The file, if the viewer may do this to it; NOT_FOUND otherwise, and GONE once its expiry date has passed.
   * A malformed id is as absent as an unknown one.
   */
  async get(
    viewer: Pick<Viewer, 'userId'> | null,
    id: string,
    action: FileAction = 'view',
  ): Promise<StoredFile> {
    const _id = parseId(id);
    const file = _id && (await this.files.findOne({ _id, ...LISTED }).lean());
    if (!file || !may(viewer, action, file)) throw notFound();
    if (!file.isDeleted && file.expiryDate && file.expiryDate <= new Date()) {
      throw new AppError('GONE', 'The file has expired.');
    }
    return withId(file);
  }

  /** Changes what the owner says of the file; NOT_FOUND for everybody else. */
  async update(viewer: Viewer, id: string, changes: FileChanges): Promise<StoredFile> {
    const set: Record<string, unknown> = {};
    if (changes.originalName != null) Object.assign(set, nameFields(changes.originalName.normalize('NFC')));
    if (changes.description !== undefined) set.description = changes.description;
    if (changes.tags != null) set.tags = cleanTags(changes.tags);
    if (changes.isPublic != null) set.isPublic = changes.isPublic;
    if (changes.expiryDate !== undefined) set.expiryDate = changes.expiryDate;
    await this.get(viewer, id, 'update');
    return this.change(viewer, id, {}, { $set: set });
  }

  /** Puts the file into the trash; a file that lies there already stays as it is. */
  async trash(viewer: Viewer, id: string): Promise<StoredFile> {
    const file = await this.find(viewer, id);
    if (file.isDeleted) return withId(file);
    const trashed = await this.change(viewer, id, {}, { $set: { isDeleted: true, deletedAt: new Date() } });
    await this.audit.record({ action: AuditAction.FILE_DELETED, by: viewer, target: file._id });
    return trashed;
  }

  /** Takes the file out of the trash; an expiry date that has passed is cleared, or it would be gone again at once. */
  async restore(viewer: Viewer, id: string): Promise<StoredFile> {
    const file = await this.find(viewer, id);
    if (!file.isDeleted) return this.get(viewer, id);
    const expired = file.expiryDate != null && file.expiryDate <= new Date();
    return this.change(
      viewer,
      id,
      { isDeleted: true },
      { $set: { isDeleted: false, deletedAt: null, ...(expired && { expiryDate: null }) } },
    );
  }

  /** Removes the file for good, in the trash or not, for administrators also in quarantine, and gives its bytes back to the quota; resolves with its id. */
  async remove(viewer: Viewer, id: string): Promise<string> {
    if (await this.held?.purge(viewer, id)) return id;
    const file = await this.find(viewer, id);
    if (!(await this.purge.purge(file._id))) throw notFound();
    await this.audit.record({ action: AuditAction.FILE_PURGED, by: viewer, target: file._id });
    return id;
  }

  /** Removes everything in the viewer’s trash for good; resolves with how many files that were. */
  async emptyTrash(viewer: Viewer): Promise<number> {
    const files = await this.purge.purgeAll({ userId: viewer.userId, isDeleted: true });
    if (files > 0)
      await this.audit.record({ action: AuditAction.TRASH_EMPTIED, by: viewer, details: { files } });
    return files;
  }

  /** Sums over the viewer’s files. */
  summary(viewer: Viewer): Promise<StorageSummary> {
    return storageSummary(this.files, viewer);
  }

  /** The owner’s file, expired or not. */
  private async find(viewer: Viewer, id: string): Promise<StoredFile> {
    const _id = parseId(id);
    const file = _id && (await this.files.findOne({ _id, ...LISTED }).lean());
    if (!file || !may(viewer, 'delete', file)) throw notFound();
    return file;
  }

  private async change(viewer: Viewer, id: string, condition: object, update: object): Promise<StoredFile> {
    const changed = await this.files
      .findOneAndUpdate({ _id: parseId(id), userId: viewer.userId, ...LISTED, ...condition }, update, {
        returnDocument: 'after',
      })
      .lean();
    if (!changed) throw notFound();
    return withId(changed);
  }
}
