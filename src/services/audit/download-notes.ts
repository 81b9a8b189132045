import { AuditAction } from '../../models/audit-event.ts';
import type { StoredFile } from '../../models/file.ts';
import { currentRequest } from '../request-facts.ts';
import type { Act, AuditTrail } from './audit-trail.ts';
import { NotedLately } from './noted-lately.ts';

/**
 * Notes who fetches files of others, once in ten minutes for each file and whoever fetches it: a film that is watched in
 * pieces is one act, and nobody can fill the trail by asking for a public file again and again.
 */
export class DownloadNotes {
  private readonly audit: Pick<AuditTrail, 'record'>;
  private readonly noted: NotedLately;

  /** The clock, monotonic and in milliseconds, may be given. */
  constructor(audit: Pick<AuditTrail, 'record'>, now?: () => number) {
    this.audit = audit;
    this.noted = new NotedLately(now);
  }

  /** Notes a download that has begun, without keeping it waiting; its owner’s own are nobody’s business. */
  begun(by: Act['by'] | null, file: Pick<StoredFile, '_id' | 'userId'>): void {
    if (by?.userId.equals(file.userId)) return;
    const who = by?.userId.toHexString() ?? currentRequest()?.ip ?? '';
    if (!this.noted.isNew(`${file._id.toHexString()} ${who}`)) return;
    const act = {
      action: AuditAction.FILE_DOWNLOADED,
      by: by ?? null,
      subject: file.userId,
      target: file._id,
    };
    void this.audit.record(act);
  }
}
