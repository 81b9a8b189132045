import { AuditAction } from '../../models/audit-event.ts';
import type { StoredFile } from '../../models/file.ts';
import { currentRequest } from '../request-facts.ts';
import type { Act, AuditTrail } from './audit-trail.ts';

const AGAIN_AFTER_MS = 10 * 60_000;
const MOST_REMEMBERED = 10_000;

/**
 * Notes who fetches files of others, once in ten minutes for each file and whoever fetches it: a film that is watched in
 * pieces is one act, and nobody can fill the trail by asking for a public file again and again.
 */
export class DownloadNotes {
  private readonly audit: Pick<AuditTrail, 'record'>;
  private readonly now: () => number;
  private readonly noted = new Map<string, number>();

  /** The clock, monotonic and in milliseconds, may be given. */
  constructor(audit: Pick<AuditTrail, 'record'>, now: () => number = () => performance.now()) {
    this.audit = audit;
    this.now = now;
  }

  /** Notes a download that has begun, without keeping it waiting; its owner’s own are nobody’s business. */
  begun(by: Act['by'] | null, file: Pick<StoredFile, '_id' | 'userId'>): void {
    if (by?.userId.equals(file.userId)) return;
    const who = by?.userId.toHexString() ?? currentRequest()?.ip ?? '';
    if (!this.isNew(`${file._id.toHexString()} ${who}`)) return;
    const act = {
      action: AuditAction.FILE_DOWNLOADED,
      by: by ?? null,
      subject: file.userId,
      target: file._id,
    };
    void this.audit.record(act);
  }

  private isNew(key: string): boolean {
    const now = this.now();
    const notedAt = this.noted.get(key);
    if (notedAt !== undefined && now - notedAt < AGAIN_AFTER_MS) return false;
    this.noted.delete(key);
    // All are remembered equally long, so the first of the map is always the oldest.
    const [oldest] = this.noted.keys();
    if (oldest !== undefined && this.noted.size >= MOST_REMEMBERED) this.noted.delete(oldest);
    this.noted.set(key, now);
    return true;
  }
}
