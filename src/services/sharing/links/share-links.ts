import type { Passwords } from '../../../auth/passwords.ts';
import { AppError } from '../../../errors.ts';
import { AuditAction } from '../../../models/audit-event.ts';
import type { Collections } from '../../../models/collections.ts';
import { FileChangeKind } from '../../../models/file-change.ts';
import { ShareKind } from '../../../models/grant.ts';
import { type ObjectId, parseId } from '../../../models/object-id.ts';
import type { ShareLink } from '../../../models/share-link.ts';
import { requireVerified } from '../../access.ts';
import type { AuditTrail } from '../../audit/audit-trail.ts';
import { notFound } from '../../files/files.ts';
import { noFolder } from '../../folders/folder-lookup.ts';
import type { RateLimits } from '../../limits/rate-limits.ts';
import type { FileEvents } from '../../live/file-events.ts';
import type { Viewer } from '../../viewer.ts';
import type { AccessWatch } from '../permissions/access-watch.ts';
import type { HeldPermissions } from '../permissions/held-permissions.ts';
import type { ManyPermissions } from '../permissions/many-permissions.ts';
import { gone } from './link-access.ts';
import { linkKey } from './link-contents.ts';
import { goneAfterOf } from './link-end.ts';
import { checkedLinkPassword, checkedSettings, type LinkSettings, USUAL_HOURS } from './link-settings.ts';
import { findTarget, type LinkTarget, type ShownLink, withTargets } from './link-targets.ts';
import { newLinkToken } from './link-tokens.ts';

/** A link that was just made: the only time that its token is known. */
export type MadeLink = ShownLink & { readonly token: string; readonly url: string };

/** What links are made with. */
export interface ShareLinkParts {
  readonly collections: Pick<Collections, 'shares' | 'files' | 'folders'>;
  readonly access: Pick<HeldPermissions, 'require'>;
  readonly many: Pick<ManyPermissions, 'allowed'>;
  readonly passwords: Pick<Passwords, 'hash'>;
  readonly limits: RateLimits;
  readonly audit: Pick<AuditTrail, 'record'>;
  readonly events: Pick<FileEvents, 'tell'>;
  readonly watch: Pick<AccessWatch, 'ended'>;
  readonly baseUrl: () => string;
  readonly needsVerifiedEmail: boolean;
}

/** Makes links by which others see a file or a folder, changes them and takes them back. */
export class ShareLinks {
  private readonly parts: ShareLinkParts;

  constructor(parts: ShareLinkParts) {
    this.parts = parts;
  }

  /** A link to a file or a folder that the viewer may share; FORBIDDEN for whoever was given less of it, else NOT_FOUND. */
  async make(viewer: Viewer, kind: ShareKind, id: string, settings: LinkSettings = {}): Promise<MadeLink> {
    requireVerified(viewer, this.parts.needsVerifiedEmail);
    await this.parts.limits.spend('sharing', viewer.userId.toHexString());
    const target = await this.requireTarget(viewer, kind, parseId(id));
    const now = new Date();
    const checked = checkedSettings({ expiryHours: USUAL_HOURS, ...given(settings) }, now);
    const { text, tokenHash } = newLinkToken();
    const fields = {
      ...{ allowDownload: true, maxDownloads: null, note: null, ...checked },
      passwordHash: await this.hashed(settings.password),
      userId: target.thing.userId,
      createdBy: viewer.userId,
      kind,
      target: target.thing._id,
      downloads: 0,
      opens: 0,
    };
    const goneAfter = goneAfterOf(fields, now);
    const link = await this.parts.collections.shares.create({
      ...fields,
      tokenHash,
      ...(goneAfter && { goneAfter }),
    });
    await this.noted(AuditAction.SHARE_CREATED, viewer, link, target);
    const shown = await this.shown(viewer, link.toObject());
    return { ...shown, token: text, url: `${this.parts.baseUrl()}/s/${text}` };
  }

  /** Changes what is given; for whoever made the link, while they may share its target, and GONE once it is taken back. */
  async update(viewer: Viewer, id: string, settings: LinkSettings): Promise<ShownLink> {
    requireVerified(viewer, this.parts.needsVerifiedEmail);
    await this.parts.limits.spend('sharing', viewer.userId.toHexString());
    const link = await this.require(id, ({ createdBy }) => createdBy.equals(viewer.userId));
    const target = await this.requireTarget(viewer, link.kind, link.target);
    const now = new Date();
    const set = {
      ...checkedSettings(given(settings), now),
      ...(settings.password !== undefined && { passwordHash: await this.hashed(settings.password) }),
    };
    const goneAfter = goneAfterOf({ ...link, ...set }, now);
    const changed = await this.parts.collections.shares
      .findOneAndUpdate(
        { _id: link._id, revokedAt: null },
        {
          $set: { ...set, ...(goneAfter && { goneAfter }) },
          ...(!goneAfter && { $unset: { goneAfter: 1 } }),
        },
        { returnDocument: 'after' },
      )
      .lean();
    if (!changed) throw gone();
    // What is on its way ends with what it ran by; all else is asked for every other second.
    if (set.passwordHash !== undefined || !changed.allowDownload) this.parts.watch.ended(linkKey(link));
    await this.noted(AuditAction.SHARE_UPDATED, viewer, changed, target);
    return this.shown(viewer, changed);
  }

  /** Takes a link back, at once and for good; for whoever made it and the owner of its target. May be repeated. */
  async revoke(viewer: Viewer, id: string): Promise<ShownLink> {
    const link = await this.require(id, (each) => isConcernOf(viewer, each));
    const { shares } = this.parts.collections;
    const revokedAt = new Date();
    const goneAfter = goneAfterOf({ ...link, revokedAt }, revokedAt);
    const revoked = await shares
      .findOneAndUpdate(
        { _id: link._id, revokedAt: null },
        { $set: { revokedAt, goneAfter } },
        { returnDocument: 'after' },
      )
      .lean();
    if (!revoked) return this.shown(viewer, link);
    this.parts.watch.ended(linkKey(link));
    const target = await findTarget(this.parts.collections, link.kind, link.target);
    await this.noted(AuditAction.SHARE_REVOKED, viewer, revoked, target);
    return this.shown(viewer, revoked);
  }

  /** A link that the viewer made, or that leads to what is theirs; NOT_FOUND for every other. */
  async find(viewer: Pick<Viewer, 'userId'>, id: string): Promise<ShareLink> {
    return this.require(id, (link) => isConcernOf(viewer, link));
  }

  private async require(id: string, isTheirs: (link: ShareLink) => boolean): Promise<ShareLink> {
    const _id = parseId(id);
    const link = _id && (await this.parts.collections.shares.findById(_id).lean());
    if (!link || !isTheirs(link)) throw new AppError('NOT_FOUND', 'There is no such link.');
    return link;
  }

  private async requireTarget(viewer: Viewer, kind: ShareKind, id: ObjectId | null): Promise<LinkTarget> {
    const target = await findTarget(this.parts.collections, kind, id);
    const absent = kind === ShareKind.FILE ? notFound : noFolder;
    if (!target) throw absent();
    await this.parts.access.require(viewer, ['share'], target.thing, absent);
    return target;
  }

  private async hashed(password: string | null | undefined): Promise<string | null> {
    if (password == null || password === '') return null;
    return this.parts.passwords.hash(checkedLinkPassword(password));
  }

  private async noted(action: AuditAction, by: Viewer, link: ShareLink, target: LinkTarget | null) {
    if (target?.kind === ShareKind.FILE) this.parts.events.tell(FileChangeKind.SHARED, target.thing);
    const details = { kind: link.kind, sharedId: link.target.toHexString() };
    await this.parts.audit.record({ action, by, subject: link.userId, target: link._id, details });
  }

  private async shown(viewer: Viewer, link: ShareLink): Promise<ShownLink> {
    const [shown] = await withTargets(this.parts, viewer, [link]);
    return shown as ShownLink;
  }
}

const isConcernOf = ({ userId }: Pick<Viewer, 'userId'>, link: ShareLink): boolean =>
  link.createdBy.equals(userId) || link.userId.equals(userId);

/** What was said: a field that is not there must not take the place of the usual. */
function given(settings: LinkSettings): LinkSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
