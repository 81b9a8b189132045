import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { DirectUpload } from '../../models/direct-upload.ts';
import type { StoredFile } from '../../models/file.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import { parseId } from '../../models/object-id.ts';
import type { HeldPermissions } from '../sharing/permissions/held-permissions.ts';
import type { Viewer } from '../viewer.ts';

/** A file’s document while its content is still to come. */
export type Ticket = StoredFile & { direct: DirectUpload };

const RETRY_SECONDS = 5;

/** Finds the tickets of direct uploads for those who announced them. */
export class OpenTickets {
  private readonly files: Collections['files'];
  private readonly access: Pick<HeldPermissions, 'require'>;

  constructor(files: Collections['files'], access: Pick<HeldPermissions, 'require'>) {
    this.files = files;
    this.access = access;
  }

  /**
   * The viewer’s ticket that waits, or that is in this status; CONFLICT while it is in another one that passes. Into a
   * folder of somebody else’s only as long as the viewer may change that, else FORBIDDEN or NOT_FOUND.
   */
  async find(viewer: Viewer, id: string, status?: UploadStatus): Promise<Ticket> {
    const _id = parseId(id);
    const by = [{ userId: viewer.userId }, { uploadedBy: viewer.userId }];
    const found =
      _id &&
      (await this.files
        .findOne({ _id, $or: by, purgingAt: { $exists: false } })
        .select('+direct +uploadKey +clientUploadId')
        .lean());
    if (found && !found.userId.equals(viewer.userId)) {
      const action = found.uploadStatus === UploadStatus.COMPLETED ? 'view' : 'update';
      await this.access.require(viewer, [action], found, noTicket);
    }
    if (found && status && found.uploadStatus === status) return found as Ticket;
    if (!found?.direct || found.blob) {
      if (found?.uploadStatus === UploadStatus.COMPLETED) throw busy();
      throw noTicket();
    }
    if (found.uploadStatus === UploadStatus.PENDING) return found as Ticket;
    // FAILED with a key: a completion that failed is just being undone.
    if (found.uploadKey) throw busy();
    throw noTicket();
  }
}

/** The error for a ticket that is being completed, or was. */
export const busy = () =>
  new AppError('CONFLICT', 'The upload is being completed, or was.', { retryAfter: RETRY_SECONDS });

const noTicket = () => new AppError('NOT_FOUND', 'There is no such upload.');
