import type { Passwords } from '../../../auth/passwords.ts';
import { AppError } from '../../../errors.ts';
import { AuditAction, AuditOutcome } from '../../../models/audit-event.ts';
import type { Collections } from '../../../models/collections.ts';
import type { Folder } from '../../../models/folder.ts';
import type { UploadRequest } from '../../../models/upload-request.ts';
import { comparablePassword } from '../../accounts/account-rules.ts';
import type { AuditTrail } from '../../audit/audit-trail.ts';
import type { FolderTree } from '../../folders/folder-tree.ts';
import { addressKey } from '../../limits/address-key.ts';
import type { RateLimits } from '../../limits/rate-limits.ts';
import { USABLE } from '../../sessions/sessions.ts';
import { withId } from '../../with-id.ts';
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
  private readonly passwords: Pick<Passwords, 'verify'>;
  private readonly proofs: LinkProofs;
  private readonly limits: RateLimits;
  private readonly audit: Pick<AuditTrail, 'record'>;

  constructor(parts: {
    collections: Pick<Collections, 'uploadRequests' | 'folders' | 'users'>;
    access: Pick<HeldPermissions, 'may'>;
    tree: Pick<FolderTree, 'isLive'>;
    passwords: Pick<Passwords, 'verify'>;
    proofs: LinkProofs;
    limits: RateLimits;
    audit: Pick<AuditTrail, 'record'>;
  }) {
    this.collections = parts.collections;
    this.access = parts.access;
    this.tree = parts.tree;
    this.passwords = parts.passwords;
    this.proofs = parts.proofs;
    this.limits = parts.limits;
    this.audit = parts.audit;
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
  async requirePassword(request: UploadRequest, { password, proof, ip }: RequestKey): Promise<string> {
    if (this.isProved(request, proof)) return this.proofs.give(request, PROOF_SECONDS);
    if (password == null || password === '')
      throw new AppError('UNAUTHENTICATED', 'This upload request needs a password.');
    const all = request._id.toHexString();
    const one = `${all} ${addressKey(ip)}`;
    // Both are spent before it is known, or many tries at once would all find something left.
    await this.limits.spend('link-password', one);
    await this.limits.spend('link-password-total', all);
    const comparable = comparablePassword(password);
    if (comparable === null || !(await this.passwords.verify(comparable, request.passwordHash ?? ''))) {
      await this.audit.record({
        action: AuditAction.SHARE_PASSWORD_FAILED,
        outcome: AuditOutcome.REFUSED,
        subject: request.userId,
        target: request._id,
      });
      throw new AppError('FORBIDDEN', 'This is not the request’s password.');
    }
    await Promise.all([
      this.limits.giveBack('link-password', one),
      this.limits.giveBack('link-password-total', all),
    ]);
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
