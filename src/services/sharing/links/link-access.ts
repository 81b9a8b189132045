import { AppError } from '../../../errors.ts';
import type { Collections } from '../../../models/collections.ts';
import { Permission, ShareKind } from '../../../models/grant.ts';
import type { ObjectId } from '../../../models/object-id.ts';
import type { ShareLink } from '../../../models/share-link.ts';
import { may } from '../../access.ts';
import type { FolderTree } from '../../folders/folder-tree.ts';
import { USABLE } from '../../sessions/sessions.ts';
import { withId } from '../../with-id.ts';
import type { HeldPermissions } from '../permissions/held-permissions.ts';
import type { LinkPasswords } from './link-passwords.ts';
import type { LinkProofs } from './link-proofs.ts';
import { findTarget, type LinkTarget } from './link-targets.ts';
import { linkTokenHash } from './link-tokens.ts';

/** What a visitor brings: the token, and for links with a password that or proofs that it was given before. */
export interface LinkKey {
  readonly token: unknown;
  readonly password?: string | null | undefined;
  readonly proofs?: readonly unknown[];
  /** Where the visitor comes from, by which wrong passwords are counted. */
  readonly ip?: string | null | undefined;
}

/** A link that works, with what it leads to. */
export interface EnteredLink {
  readonly link: ShareLink;
  readonly target: LinkTarget;
}

/** What a link lets its visitors do, in the terms of grants. */
export const heldBy = ({ allowDownload }: Pick<ShareLink, 'allowDownload'>): Permission =>
  allowDownload ? Permission.DOWNLOAD : Permission.VIEW;

/** The error of a link that once worked. */
export const gone = () => new AppError('GONE', 'This link does not work any more.');

/** Lets visitors in by share links: the only place that says whether a link works. */
export class LinkAccess {
  private readonly collections: Pick<Collections, 'shares' | 'files' | 'folders' | 'users'>;
  private readonly access: Pick<HeldPermissions, 'may'>;
  private readonly tree: Pick<FolderTree, 'isLive'>;
  private readonly passwords: LinkPasswords;
  private readonly proofs: LinkProofs;

  constructor(parts: {
    collections: Pick<Collections, 'shares' | 'files' | 'folders' | 'users'>;
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
   * The link, if it works and the visitor has what it asks for: NOT_FOUND for a token that is none, GONE for a link that
   * was taken back, has expired or leads nowhere, UNAUTHENTICATED without a password where one is needed, FORBIDDEN with
   * a wrong one, RATE_LIMITED after too many of those. A link whose downloads are used up still opens here.
   */
  async enter(key: LinkKey): Promise<EnteredLink> {
    const tokenHash = linkTokenHash(key.token);
    const link = tokenHash && (await this.collections.shares.findOne({ tokenHash }).lean());
    if (!link) throw new AppError('NOT_FOUND', 'There is no such link.');
    const target = await this.targetOf(link);
    if (!target) throw gone();
    await this.requirePassword(link, key);
    return { link: withId(link), target };
  }

  /** Whether contents that are on their way by this link may go on: it works, hands them out, and has the same password. */
  async stillWorks({ _id, passwordHash }: Pick<ShareLink, '_id' | 'passwordHash'>): Promise<boolean> {
    const link = await this.collections.shares.findById(_id).lean();
    if (!link?.allowDownload || (link.passwordHash ?? null) !== (passwordHash ?? null)) return false;
    return (await this.targetOf(link)) !== null;
  }

  /** What the link leads to, while it works; else null. */
  private async targetOf(link: ShareLink): Promise<LinkTarget | null> {
    if (link.revokedAt || (link.expiresAt && link.expiresAt <= new Date())) return null;
    const target = await findTarget(this.collections, link.kind, link.target);
    // The owner’s locks hold against whoever comes by a link, who is not the owner.
    if (!target || !may(null, 'view', target.thing, heldBy(link))) return null;
    const place = target.kind === ShareKind.FILE ? target.thing.folder : target.thing.parent;
    if (!(await this.tree.isLive(target.thing.userId, place))) return null;
    if (!(await this.areUsable(link.createdBy, target.thing.userId))) return null;
    const mayShare = await this.access.may({ userId: link.createdBy }, 'share', target.thing);
    return mayShare ? target : null;
  }

  private async areUsable(maker: ObjectId, owner: ObjectId): Promise<boolean> {
    const ids = maker.equals(owner) ? [owner] : [maker, owner];
    const found = await this.collections.users.find({ _id: { $in: ids }, ...USABLE }, { _id: 1 }).lean();
    return found.length === ids.length;
  }

  private async requirePassword(link: ShareLink, { proofs = [], ...given }: LinkKey): Promise<void> {
    if (!link.passwordHash || proofs.some((proof) => this.proofs.holds(link, proof))) return;
    await this.passwords.require(link, given, 'link');
  }
}
