import { AppError } from '../../../errors.ts';
import type { Collections } from '../../../models/collections.ts';
import type { Folder } from '../../../models/folder.ts';
import type { UploadRequest } from '../../../models/upload-request.ts';
import type { FolderTree } from '../../folders/folder-tree.ts';
import { USABLE } from '../../sessions/sessions.ts';
import { withId } from '../../with-id.ts';
import type { LinkPasswords } from '../links/link-passwords.ts';
import type { LinkProofs } from '../links/link-proofs.ts';
import { linkTokenHash } from '../links/link-tokens.ts';
import type { HeldPermissions } from '../permissions/held-permissions.ts';

/** A request that works, with the folder that files drop into and the name of who asks for them. */
export interface OpenRequest {
  readonly request: UploadRequest;
  readonly folder: Folder;
  readonly maker: string;
}

/** What shows that somebody has the password of a request. */
export interface RequestKey {
  readonly password?: string | null | undefined;
  readonly proof?: unknown;
  /** Where it comes from, by which wrong passwords are counted. */
  readonly ip?: string | null | undefined;
}

/** How long a proof of the password holds. */
export const PROOF_SECONDS = 12 * 3_600;

/** Lets strangers in by upload requests: the only place that says whether a request works. */
export class RequestAccess {
  private readonly collections: Pick<Collections, 'uploadRequests' | 'folders' | 'users'>;
  private readonly access: Pick<HeldPermissions, 'may'>;
  private readonly tree: Pick<FolderTree, 'isLive'>;
  private readonly passwords: LinkPasswords;
  private readonly proofs: LinkProofs;

  constructor(parts: {
    collections: Pick<Collections, 'uploadRequests' | 'folders' | 'users'>;
    access: Pick<HeldPermissions, 'may'>;
    tree: Pick<FolderTree, 'isLive'>;
    passwords: LinkPasswords;
    proofs: LinkProofs;
  }) {
    this.collections = parts.collections;
    this.access = parts.access;
    this.tree = parts.tree;
    this.passwords = parts.passwords;
    this.proofs = parts.proofs;
  }

  /**
   * The request of this token: NOT_FOUND where there is none, GONE where it was taken back, has expired, or whoever made
   * it may not share or change the folder any more. Whether it asks for a password is another question.
   */
  async find(token: unknown): Promise<OpenRequest> {
    const tokenHash = linkTokenHash(token);
    const request = tokenHash && (await this.collections.uploadRequests.findOne({ tokenHash }).lean());
    if (!request) throw new AppError('NOT_FOUND', 'There is no such upload request.');
    const open = await this.open(request);
    if (!open) throw goneRequest();
    return open;
  }

  /** Whether files that are on their way by this request may go on. */
  async stillWorks({ _id }: Pick<UploadRequest, '_id'>): Promise<boolean> {
    const request = await this.collections.uploadRequests.findById(_id).lean();
    return request !== null && (await this.open(request)) !== null;
  }

  /** Whether somebody has shown already that they have the password; true where there is none. */
  isProved(request: UploadRequest, proof: unknown): boolean {
    return this.proofs.holds(request, proof);
  }

  /**
   * Lets pass who has the password, with a proof of it for later: UNAUTHENTICATED without one, FORBIDDEN with a wrong
   * one, RATE_LIMITED after too many of those.
   */
  async requirePassword(request: UploadRequest, { proof, ...given }: RequestKey): Promise<string> {
    if (!this.isProved(request, proof)) await this.passwords.require(request, given, 'upload request');
    return this.proofs.give(request, PROOF_SECONDS);
  }

  private async open(request: UploadRequest): Promise<OpenRequest | null> {
    const { revokedAt, expiresAt, createdBy, userId } = request;
    if (revokedAt || (expiresAt && expiresAt <= new Date())) return null;
    const ids = createdBy.equals(userId) ? [userId] : [createdBy, userId];
    const [folder, users] = await Promise.all([
      this.collections.folders.findOne({ _id: request.folder, userId, isDeleted: false }).lean(),
      this.collections.users.find({ _id: { $in: ids }, ...USABLE }, { username: 1 }).lean(),
    ]);
    const maker = users.find(({ _id }) => _id.equals(createdBy));
    if (!folder || !maker || users.length < ids.length) return null;
    if (!(await this.tree.isLive(userId, folder.parent))) return null;
    const by = { userId: createdBy };
    for (const action of ['share', 'update'] as const) {
      if (!(await this.access.may(by, action, folder))) return null;
    }
    return { request: withId(request), folder: withId(folder), maker: maker.username };
  }
}

/** The error of a request that once worked. */
export const goneRequest = () => new AppError('GONE', 'This upload request does not work any more.');
