import type { Passwords } from '../../../auth/passwords.ts';
import { AppError } from '../../../errors.ts';
import { AuditAction } from '../../../models/audit-event.ts';
import type { Collections } from '../../../models/collections.ts';
import type { Folder } from '../../../models/folder.ts';
import { type ObjectId, parseId } from '../../../models/object-id.ts';
import type { UploadRequest } from '../../../models/upload-request.ts';
import { requireVerified } from '../../access.ts';
import type { AuditTrail } from '../../audit/audit-trail.ts';
import { type ForwardPage, type ForwardRequest, pageSize } from '../../forward-page.ts';
import type { RateLimits } from '../../limits/rate-limits.ts';
import type { SignedCursors } from '../../signed-cursors.ts';
import type { Viewer } from '../../viewer.ts';
import { withId } from '../../with-id.ts';
import { endedAfter } from '../links/link-end.ts';
import { checkedLinkPassword } from '../links/link-settings.ts';
import { newLinkToken } from '../links/link-tokens.ts';
import type { AccessWatch } from '../permissions/access-watch.ts';
import type { HeldPermissions } from '../permissions/held-permissions.ts';
import { goneRequest } from './request-access.ts';
import { GONE_AFTER_BY_ITSELF } from './request-places.ts';
import { checkedRequestSettings, type RequestSettings, USUAL_REQUEST_HOURS } from './request-settings.ts';

/** A request that was just made: the only time that its token is known. */
export type MadeRequest = UploadRequest & { readonly token: string; readonly url: string };

/** What upload requests are made with. */
export interface UploadRequestParts {
  readonly collections: Pick<Collections, 'uploadRequests' | 'folders'>;
  readonly access: Pick<HeldPermissions, 'require'>;
  readonly passwords: Pick<Passwords, 'hash'>;
  readonly limits: RateLimits;
  readonly audit: Pick<AuditTrail, 'record'>;
  readonly watch: Pick<AccessWatch, 'ended'>;
  readonly cursors: SignedCursors;
  readonly baseUrl: () => string;
  readonly needsVerifiedEmail: boolean;
}

/** By which uploads through a request are watched. */
export const requestKey = ({ _id }: Pick<UploadRequest, '_id'>) => `upload request ${_id.toHexString()}`;

/** Makes links through which others drop files into a folder, changes them and takes them back. */
export class UploadRequests {
  private readonly parts: UploadRequestParts;

  constructor(parts: UploadRequestParts) {
    this.parts = parts;
  }

  /** A request for files in a folder that the viewer may share and change; else FORBIDDEN or NOT_FOUND. */
  async make(viewer: Viewer, folderId: string, settings: RequestSettings): Promise<MadeRequest> {
    requireVerified(viewer, this.parts.needsVerifiedEmail);
    await this.parts.limits.spend('sharing', viewer.userId.toHexString());
    const folder = await this.requireFolder(viewer, parseId(folderId));
    const now = new Date();
    const checked = checkedRequestSettings({ expiryHours: USUAL_REQUEST_HOURS, ...given(settings) }, now);
    const { text, tokenHash } = newLinkToken();
    const fields = {
      ...{ maxFiles: null, maxFileSize: null, allowedTypes: [], note: null, ...checked },
      passwordHash: await this.hashed(settings.password),
      userId: folder.userId,
      createdBy: viewer.userId,
      folder: folder._id,
      files: 0,
    };
    const goneAfter = fields.expiresAt && endedAfter(fields.expiresAt);
    const made = await this.parts.collections.uploadRequests.create({
      ...fields,
      tokenHash,
      ...(goneAfter && { goneAfter }),
    });
    await this.noted(AuditAction.UPLOAD_REQUESTED, viewer, made);
    return { ...shown(made.toObject()), token: text, url: `${this.parts.baseUrl()}/u/${text}` };
  }

  /** Changes what is given; for whoever made it, while they may share and change the folder, and GONE once it is taken back. */
  async update(viewer: Viewer, id: string, settings: RequestSettings): Promise<UploadRequest> {
    requireVerified(viewer, this.parts.needsVerifiedEmail);
    await this.parts.limits.spend('sharing', viewer.userId.toHexString());
    const request = await this.require(id, ({ createdBy }) => createdBy.equals(viewer.userId));
    await this.requireFolder(viewer, request.folder);
    const now = new Date();
    const set = {
      ...checkedRequestSettings(given(settings), now),
      ...(settings.password !== undefined && { passwordHash: await this.hashed(settings.password) }),
    };
    const changed = await this.change(request, { ...set, updatedAt: now });
    if (!changed) throw goneRequest();
    await this.noted(AuditAction.UPLOAD_REQUEST_CHANGED, viewer, changed);
    return shown(changed);
  }

  /** Takes a request back, at once and for good, with what is on its way by it; for whoever made it and the owner of the folder. */
  async revoke(viewer: Viewer, id: string): Promise<UploadRequest> {
    const request = await this.require(
      id,
      ({ createdBy, userId }) => createdBy.equals(viewer.userId) || userId.equals(viewer.userId),
    );
    const revokedAt = new Date();
    const revoked = await this.change(request, { revokedAt, updatedAt: revokedAt });
    if (!revoked) return shown(request);
    this.parts.watch.ended(requestKey(request));
    await this.noted(AuditAction.UPLOAD_REQUEST_REVOKED, viewer, revoked);
    return shown(revoked);
  }

  /** The requests that the viewer made, the newest first; of one folder all of them, for its owner and who may share it. */
  async list(
    viewer: Viewer,
    folderId: string | null | undefined,
    request: ForwardRequest,
  ): Promise<ForwardPage<UploadRequest>> {
    const size = pageSize(request.first);
    const folder = folderId == null ? null : await this.requireFolder(viewer, parseId(folderId), ['share']);
    const list = folder ? `requests of ${folder._id.toHexString()}` : 'requests made';
    const place = this.parts.cursors.decode(list, request.after);
    const before = place ? { _id: { $lt: parseId(place[0]) } } : {};
    const which = folder ? { folder: folder._id } : { createdBy: viewer.userId };
    const found = await this.parts.collections.uploadRequests
      .find({ ...which, ...before } as never)
      .sort({ _id: -1 })
      .hint(folder ? 'of_folder' : 'made_by')
      .limit(size + 1)
      .lean();
    return {
      nodes: found.slice(0, size).map(shown),
      hasNextPage: found.length > size,
      hasPreviousPage: place !== null,
      cursor: ({ id }) => this.parts.cursors.encode(list, [id]),
    };
  }

  /** The request as it is then, with the time at which it is removed; null for one that was taken back. */
  private change({ _id }: UploadRequest, set: object): Promise<UploadRequest | null> {
    // As they are: a note that began with a dollar sign would be read as a field’s name.
    const literal = Object.entries(set).map(([field, value]) => [field, { $literal: value }]);
    return this.parts.collections.uploadRequests.collection.findOneAndUpdate(
      { _id, revokedAt: null },
      [{ $set: Object.fromEntries(literal) }, GONE_AFTER_BY_ITSELF],
      { returnDocument: 'after' },
    ) as Promise<UploadRequest | null>;
  }

  private async require(id: string, isTheirs: (request: UploadRequest) => boolean): Promise<UploadRequest> {
    const _id = parseId(id);
    const request = _id && (await this.parts.collections.uploadRequests.findById(_id).lean());
    if (!request || !isTheirs(request)) throw new AppError('NOT_FOUND', 'There is no such upload request.');
    return request;
  }

  private async requireFolder(
    viewer: Viewer,
    _id: ObjectId | null,
    actions: readonly ('share' | 'update')[] = ['share', 'update'],
  ): Promise<Folder> {
    const folder = _id && (await this.parts.collections.folders.findOne({ _id, isDeleted: false }).lean());
    if (!folder) throw noFolder();
    await this.parts.access.require(viewer, actions, folder, noFolder);
    return folder;
  }

  private async hashed(password: string | null | undefined): Promise<string | null> {
    if (password == null || password === '') return null;
    return this.parts.passwords.hash(checkedLinkPassword(password));
  }

  private async noted(action: AuditAction, by: Viewer, { _id, userId, folder }: UploadRequest) {
    const details = { folderId: folder.toHexString() };
    await this.parts.audit.record({ action, by, subject: userId, target: _id, details });
  }
}

const noFolder = () => new AppError('NOT_FOUND', 'There is no such folder.');

/** The request without its digest. */
function shown({ tokenHash: _, claims: _claims, ...request }: Omit<UploadRequest, 'id'>): UploadRequest {
  return withId(request) as UploadRequest;
}

/** What was said: a field that is not there must not take the place of the usual. */
function given(settings: RequestSettings): RequestSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
