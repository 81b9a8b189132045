import { AppError, hasCode } from '../../../errors.ts';
import { AuditAction } from '../../../models/audit-event.ts';
import type { Collections } from '../../../models/collections.ts';
import type { StoredFile } from '../../../models/file.ts';
import { ObjectId } from '../../../models/object-id.ts';
import type { UploadRequest } from '../../../models/upload-request.ts';
import type { AccountWatch } from '../../accounts/account-watch.ts';
import type { AuditTrail } from '../../audit/audit-trail.ts';
import type { RateLimits } from '../../limits/rate-limits.ts';
import type { IncomingContent, UploadService } from '../../uploads/uploads.ts';
import type { AccessWatch } from '../permissions/access-watch.ts';
import { goneRequest, type RequestAccess } from './request-access.ts';
import type { RequestPlaces } from './request-places.ts';
import { requestKey } from './upload-requests.ts';

/** What takes in files that strangers bring. */
export interface RequestDropParts {
  readonly collections: Pick<Collections, 'uploadRequests' | 'users'>;
  readonly access: Pick<RequestAccess, 'stillWorks'>;
  readonly places: Pick<RequestPlaces, 'take' | 'end'>;
  readonly uploads: Pick<UploadService, 'receive' | 'remainingBytes'>;
  readonly watch: Pick<AccountWatch, 'during'>;
  readonly accessWatch: Pick<AccessWatch, 'stream'>;
  readonly limits: RateLimits;
  readonly audit: Pick<AuditTrail, 'record'>;
}

/** Takes in files that drop through upload requests. */
export class RequestDrops {
  private readonly parts: RequestDropParts;

  constructor(parts: RequestDropParts) {
    this.parts = parts;
  }

  /** Bytes that the folder’s owner may still store; Infinity without a quota. */
  remainingBytes({ userId }: UploadRequest): Promise<number> {
    return this.parts.uploads.remainingBytes({ userId });
  }

  /**
   * Streams one file into the request’s folder, where it belongs to the folder’s owner. Rejects as uploads do, and with
   * GONE once the request has ended, also while the file is on its way, or when it has all the files it takes; then
   * nothing is left of it. The request asks for no more than so many files, however many come at once.
   */
  async drop(request: UploadRequest, content: IncomingContent, signal: AbortSignal): Promise<StoredFile> {
    await this.parts.limits.spend('uploads', requestKey(request));
    const id = new ObjectId();
    const now = await this.reserve(request, id);
    const { userId: owner, folder, createdBy } = now;
    this.parts.accessWatch.stream(requestKey(now), content.stream, () => this.parts.access.stillWorks(now));
    // Its maker’s account is watched by the upload itself.
    const watched = this.parts.watch.during({ userId: owner }, signal);
    try {
      const rules = {
        maxFileSize: now.maxFileSize ?? null,
        types: { allowed: now.allowedTypes, blocked: [] },
      };
      const incoming = { open: async () => content };
      const to = { owner, folder, id };
      const file = await this.parts.uploads.receive(
        { userId: createdBy },
        incoming,
        {},
        watched.signal,
        to,
        rules,
      );
      await this.noted(now, file);
      return file;
    } catch (error) {
      // Whose account has ended is no matter of who sends.
      throw hasCode(error, 'UNAUTHENTICATED') ? goneRequest() : error;
    } finally {
      watched.release();
      // What is not said now, the sweep finds out.
      await this.parts.places.end(now._id, id).catch(() => undefined);
    }
  }

  /** Takes one of the places that the request has left, for a file of this id. */
  private async reserve({ _id }: UploadRequest, file: ObjectId): Promise<UploadRequest> {
    const isTaken = await this.parts.places.take(_id, file);
    const now = await this.parts.collections.uploadRequests.findById(_id).lean();
    if (!now || now.revokedAt) throw goneRequest();
    if (!isTaken) throw usedUp();
    return now;
  }

  private noted({ _id, userId }: UploadRequest, file: StoredFile): Promise<void> {
    const details = { fileId: file.id };
    return this.parts.audit.record({
      action: AuditAction.UPLOAD_REQUEST_USED,
      subject: userId,
      target: _id,
      details,
    });
  }
}

const usedUp = () => new AppError('GONE', 'This upload request has all the files that it takes.');
