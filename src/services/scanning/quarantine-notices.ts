import { AuditAction } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { NEVER, type StoredFile } from '../../models/file.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';

/** What a file is that is held in quarantine. */
export const HELD = { quarantinedAt: { $gt: NEVER }, purgingAt: { $exists: false } };

/** What administrators are told of a file that was found infected. */
export interface QuarantineNotice {
  readonly file: ObjectId;
  readonly owner: ObjectId;
  readonly originalName: string;
  /** Bytes. */
  readonly fileSize: number;
  /** SHA-256 of the content, lower-case hex. */
  readonly fileHash: string;
  /** The name of what was found. */
  readonly threat: string;
  readonly quarantinedAt: Date;
}

/** Notes and tells, once for each file, that it was put into quarantine; a crash may make it twice, never not at all. */
export class QuarantineNotices {
  private readonly files: Collections['files'];
  private readonly audit: Pick<AuditTrail, 'record'>;
  private readonly onInfected: (notice: QuarantineNotice) => Promise<unknown>;

  /** `onInfected` rejects when it could not take the notice, which then comes again. */
  constructor(
    files: Collections['files'],
    audit: Pick<AuditTrail, 'record'>,
    onInfected: (notice: QuarantineNotice) => Promise<unknown>,
  ) {
    this.files = files;
    this.audit = audit;
    this.onInfected = onInfected;
  }

  /** Tells of each of the blob’s files that was not told of yet. */
  async sendFor(blob: ObjectId): Promise<void> {
    const untold = { blob, ...HELD, quarantineToldAt: { $exists: false } };
    for (;;) {
      const file = await this.files.findOne(untold).select('+quarantinedAt +threat').lean<StoredFile>();
      if (!file) return;
      await this.send(file);
      await this.files.collection.updateOne({ _id: file._id }, { $set: { quarantineToldAt: new Date() } });
    }
  }

  private async send(file: StoredFile): Promise<void> {
    const { _id, userId, originalName, fileSize, fileHash } = file;
    const threat = file.threat ?? 'unknown';
    const quarantinedAt = file.quarantinedAt ?? new Date();
    await this.onInfected({
      file: _id,
      owner: userId,
      originalName,
      fileSize,
      fileHash,
      threat,
      quarantinedAt,
    });
    await this.audit.record({
      action: AuditAction.FILE_QUARANTINED,
      subject: userId,
      target: _id,
      details: { threat, fileSize },
    });
  }
}
