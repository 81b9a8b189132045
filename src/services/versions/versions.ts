import { AppError } from '../../errors.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import type { FileVersion } from '../../models/file-version.ts';
import { ObjectId } from '../../models/object-id.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { BlobReferences } from '../copies/blob-references.ts';
import { completion } from '../files/file-drafts.ts';
import { type FileService, notFound } from '../files/files.ts';
import type { FileEvents } from '../live/file-events.ts';
import { isToBeProcessed } from '../processing/told-processing.ts';
import type { WantedProcessing } from '../processing/wanted-processing.ts';
import { isInfected, UNSCANNED } from '../scanning/judgement.ts';
import type { Viewer } from '../viewer.ts';
import { contentsOf } from './contents.ts';
import { swapContent } from './version-commit.ts';
import type { VersionPurge } from './version-purge.ts';
import { awaitsScan, isAwaiting, noVersion, type VersionReader } from './version-reader.ts';

/** What versions are served and swapped with. */
export interface VersionParts {
  readonly collections: Pick<Collections, 'blobs' | 'files'>;
  readonly service: Pick<FileService, 'get'>;
  readonly reader: VersionReader;
  readonly references: BlobReferences;
  readonly purge: VersionPurge;
  /** Is told which contents are to be processed; without it they are found later. */
  readonly processing?: Pick<WantedProcessing, 'add'>;
  readonly audit: Pick<AuditTrail, 'record'>;
  readonly events: Pick<FileEvents, 'tell'>;
}

/** Goes back to earlier contents of files, and removes them. */
export class VersionService {
  private readonly parts: VersionParts;

  constructor(parts: VersionParts) {
    this.parts = parts;
  }

  /**
   * Makes the version the present content; what that was is the newest version then. NOT_FOUND where the viewer may not,
   * INFECTED, FILE_LOCKED while it waits for a scan, STORAGE_UNAVAILABLE where it is lost.
   */
  async restore(viewer: Viewer, fileId: string, versionId: string): Promise<StoredFile> {
    const { service, reader, references, events, collections } = this.parts;
    const file = await service.get(viewer, fileId, 'update');
    if (file.isDeleted) throw notFound();
    const version = await reader.find(file, versionId);
    // What is found out about the blob meanwhile is told to its files once more while somebody has a claim on it.
    const hold = new ObjectId();
    if (!(await references.ledger.claim(version.blob, hold, 0))) throw lost();
    try {
      const blob = await collections.blobs.findById(version.blob).lean<Blob>();
      requireServable(version, blob);
      const { fileSize: size, fileHash: hash, mimeType } = version;
      const change = completion({ size, hash, mimeType }, blob);
      const set = { ...change.set, virus: blob.virus ?? UNSCANNED };
      if (!(await swapContent(collections.files, file._id, version, { ...change, set }))) throw noVersion();
      if (isToBeProcessed(set)) this.parts.processing?.add(blob._id);
    } finally {
      await references.ledger.release(version.blob, hold);
    }
    events.tell(FileChangeKind.UPDATED, file);
    return service.get(viewer, fileId);
  }

  /** Removes the version for good and gives its bytes back to the quota; NOT_FOUND where the viewer may not. */
  async remove(viewer: Viewer, fileId: string, versionId: string): Promise<StoredFile> {
    const { service, reader, purge, audit, events, collections } = this.parts;
    const file = await service.get(viewer, fileId, 'delete');
    if (!(await reader.mayMeet(viewer, file))) throw noVersion();
    const { _id: id } = await reader.find(file, versionId);
    const before = (await collections.files.collection.findOneAndUpdate(
      { _id: file._id, ...LISTED, versions: { $elemMatch: { _id: id, purgingAt: { $exists: false } } } },
      { $set: { 'versions.$.purgingAt': new Date(), updatedAt: new Date() } },
      { returnDocument: 'before' },
    )) as StoredFile | null;
    const marked = before && contentsOf(before).filter((content) => content.id.equals(id));
    if (!marked) throw noVersion();
    await purge.finish(before, marked);
    events.tell(FileChangeKind.UPDATED, file);
    await audit.record({
      action: AuditAction.VERSION_DELETED,
      by: viewer,
      subject: file.userId,
      target: file._id,
      details: { version: id.toHexString(), fileSize: marked[0]?.fileSize ?? 0 },
    });
    return service.get(viewer, fileId);
  }
}

function requireServable(version: FileVersion, blob: Blob | null): asserts blob is Blob {
  if (!blob || blob.lostAt) throw lost();
  if (isInfected(blob))
    throw new AppError('INFECTED', `The content is infected: ${blob.threat ?? 'unknown'}.`);
  if (isAwaiting(version, blob)) throw awaitsScan();
}

const lost = () => new AppError('STORAGE_UNAVAILABLE', 'The version’s content is lost.');
