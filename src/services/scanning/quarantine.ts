import { AppError } from '../../errors.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, NEVER, type StoredFile } from '../../models/file.ts';
import { isDuplicateKey, ObjectId, parseId } from '../../models/object-id.ts';
import { mayAdminister } from '../access.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import { KEPT } from '../copies/kept-blobs.ts';
import type { FilePurge } from '../files/file-purge.ts';
import { type HeldFiles, notFound } from '../files/files.ts';
import { type ForwardPage, type ForwardRequest, pageSize } from '../forward-page.ts';
import type { SignedCursors } from '../signed-cursors.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import type { BlobVerdicts } from './blob-verdicts.ts';
import { TELL_MS } from './blob-verdicts.ts';
import { HELD } from './quarantine-notices.ts';

/** A file in quarantine, as administrators see it. */
export interface QuarantinedFile {
  readonly file: StoredFile;
  readonly threat: string;
  readonly quarantinedAt: Date;
  /** Null once the account is gone. */
  readonly ownerName: string | null;
}

const LIST = 'quarantine';

/** What administrators do with contents that were found infected, or that no scanner could look at. */
export class Quarantine implements HeldFiles {
  private readonly collections: Pick<Collections, 'blobs' | 'files' | 'users'>;
  private readonly verdicts: BlobVerdicts;
  private readonly audit: Pick<AuditTrail, 'record'>;
  private readonly held: FilePurge;
  private readonly cursors: SignedCursors;
  private readonly hasBackup: boolean;

  /** With a backup, what is released gets its second copy. */
  constructor(
    collections: Pick<Collections, 'blobs' | 'files' | 'users'>,
    parts: {
      verdicts: BlobVerdicts;
      audit: Pick<AuditTrail, 'record'>;
      purge: FilePurge;
      cursors: SignedCursors;
      hasBackup: boolean;
    },
  ) {
    this.collections = collections;
    this.verdicts = parts.verdicts;
    this.audit = parts.audit;
    this.held = parts.purge;
    this.cursors = parts.cursors;
    this.hasBackup = parts.hasBackup;
  }

  /** One page of the files in quarantine, newest first. BAD_USER_INPUT for a cursor that is none. */
  async list(request: ForwardRequest): Promise<ForwardPage<QuarantinedFile>> {
    const size = pageSize(request.first);
    const place = this.cursors.decode(LIST, request.after);
    const found = await this.collections.files
      .find({ ...HELD, ...(place && beyond(place)) } as never)
      .select('+quarantinedAt +threat')
      .sort({ quarantinedAt: -1, _id: -1 })
      .limit(size + 1)
      .lean<StoredFile[]>();
    const files = found.slice(0, size);
    const names = await this.namesOf(files);
    return {
      nodes: files.map((file) => ({
        file: withId(file),
        threat: file.threat ?? 'unknown',
        quarantinedAt: file.quarantinedAt ?? NEVER,
        ownerName: names.get(file.userId.toHexString()) ?? null,
      })),
      hasNextPage: found.length > size,
      hasPreviousPage: place !== null,
      cursor: ({ file, quarantinedAt }) =>
        this.cursors.encode(LIST, [quarantinedAt.toISOString(), file._id.toHexString()]),
    };
  }

  /**
   * Lets a content be served that was found infected, or that waits for a scan: the file, and all others of the same
   * content with the same threat, are as if nothing had been found. The same is not found in it again. NOT_FOUND for any
   * other file.
   */
  async release(viewer: Viewer, id: string): Promise<StoredFile> {
    const file = await this.find(id);
    if (!file?.blob) throw notFound();
    const blob = await this.free(file.blob);
    if (!blob) throw notFound();
    await this.verdicts.tell(blob._id);
    await this.audit.record({
      action: AuditAction.FILE_RELEASED,
      by: viewer,
      subject: file.userId,
      target: file._id,
      details: { threat: file.threat ?? null },
    });
    await this.freeEqual(blob);
    const released = await this.collections.files.findById(file._id).lean<StoredFile>();
    if (!released) throw notFound();
    return withId(released);
  }

  /** Removes a file in quarantine for good, for administrators; false for everybody else, and when there is none. */
  async purge(viewer: Viewer, id: string): Promise<boolean> {
    if (!mayAdminister(viewer)) return false;
    const _id = parseId(id);
    const file =
      _id &&
      (await this.collections.files
        .findOne({ _id, ...HELD } as never)
        .select('+threat')
        .lean());
    if (!file || !(await this.held.purgeHeld(file._id))) return false;
    await this.audit.record({
      action: AuditAction.FILE_PURGED,
      by: viewer,
      subject: file.userId,
      target: file._id,
      details: { threat: file.threat ?? null },
    });
    return true;
  }

  private async find(id: string): Promise<StoredFile | null> {
    const _id = parseId(id);
    if (!_id) return null;
    return this.collections.files
      .findOne({ _id, $or: [HELD, { ...LISTED, isAwaitingScan: true }] } as never)
      .select('+threat')
      .lean<StoredFile>();
  }

  private async free(_id: ObjectId): Promise<Blob | null> {
    const { blobs } = this.collections;
    const seen = await blobs.findById(_id).lean<Blob>();
    if (!seen) return null;
    const { hash, size, threat } = seen;
    const now = new Date();
    const known = threat === undefined ? {} : { $addToSet: { releasedThreats: threat } };
    const update = (more: object) =>
      blobs.collection.findOneAndUpdate(
        { _id, threat: threat ?? { $exists: false }, ...KEPT },
        {
          $set: {
            ...(threat !== undefined && { 'virus.isClean': true }),
            ...(this.hasBackup && { copyDueAt: now }),
            ...{
              releasedAt: now,
              isVerdictUntold: true,
              scanDueAt: new Date(now.getTime() + TELL_MS),
              ...more,
            },
          },
          $unset: { quarantinedAt: '', threat: '' },
          ...known,
        } as never,
        { returnDocument: 'after' },
      ) as Promise<Blob | null>;
    const freed = await update({ live: true }).catch((error) => {
      if (!isDuplicateKey(error)) throw error;
      // An equal one takes new files by now: this one serves its own.
      return update({});
    });
    if (!freed) throw new AppError('CONFLICT', 'Something else was found in it just now.');
    await blobs.updateOne({ hash, size, live: true }, known);
    return freed;
  }

  /** Other blobs of the content, which serve files of their own, are let go with it. */
  private async freeEqual({ hash, size, releasedThreats = [] }: Blob): Promise<void> {
    const equal = { hash, size, live: false, refCount: { $gt: 0 }, threat: { $in: releasedThreats } };
    for (const { _id } of await this.collections.blobs.find(equal, { _id: 1 }).lean()) {
      await this.free(_id);
      await this.verdicts.tell(_id);
    }
  }

  private async namesOf(files: readonly StoredFile[]): Promise<Map<string, string>> {
    const ids = [...new Set(files.map(({ userId }) => userId.toHexString()))].map((id) => new ObjectId(id));
    const users = await this.collections.users.find({ _id: { $in: ids } }, { username: 1 }).lean();
    return new Map(users.map(({ _id, username }) => [_id.toHexString(), username]));
  }
}

/** What comes behind a place in the list. */
function beyond([time = '', id = '']: readonly string[]) {
  const at = new Date(time);
  return {
    quarantinedAt: { $gt: NEVER, $lte: at },
    $nor: [{ quarantinedAt: at, _id: { $gte: new ObjectId(id) } }],
  };
}
