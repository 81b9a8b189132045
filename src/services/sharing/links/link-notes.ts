import { AuditAction } from '../../../models/audit-event.ts';
import type { Collections } from '../../../models/collections.ts';
import type { ObjectId } from '../../../models/object-id.ts';
import type { ShareLink } from '../../../models/share-link.ts';
import type { AuditTrail } from '../../audit/audit-trail.ts';
import { NotedLately } from '../../audit/noted-lately.ts';

/**
 * Tells the owner what becomes of a link: how often it was opened and, in the audit trail, when. The same by the same
 * visitor within ten minutes is one entry, so that nobody can fill the trail; the counts know of each.
 */
export class LinkNotes {
  private readonly shares: Collections['shares'];
  private readonly audit: Pick<AuditTrail, 'record'>;
  private readonly noted = new NotedLately();

  constructor(shares: Collections['shares'], audit: Pick<AuditTrail, 'record'>) {
    this.shares = shares;
    this.audit = audit;
  }

  /** Counts and notes that a visitor saw what the link leads to; never rejects. */
  async opened(link: ShareLink, client: string): Promise<void> {
    const { _id, userId } = link;
    if (this.noted.isNew(`${_id.toHexString()} ${client}`)) {
      void this.audit.record({ action: AuditAction.SHARE_OPENED, subject: userId, target: _id });
    }
    const update = { $inc: { opens: 1 }, $set: { lastOpenedAt: new Date() } };
    await this.shares.updateOne({ _id }, update, { timestamps: false }).catch(() => undefined);
  }

  /** Notes that a visitor began to fetch a file, without keeping it waiting. */
  downloaded({ _id, userId }: ShareLink, file: { readonly _id: ObjectId }, client: string): void {
    const fileId = file._id.toHexString();
    if (!this.noted.isNew(`${_id.toHexString()} ${fileId} ${client}`)) return;
    const act = { action: AuditAction.SHARE_DOWNLOADED, subject: userId, target: _id, details: { fileId } };
    void this.audit.record(act);
  }
}
