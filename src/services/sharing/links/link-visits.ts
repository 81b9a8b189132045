import { AppError } from '../../../errors.ts';
import type { StoredFile } from '../../../models/file.ts';
import { ShareKind } from '../../../models/grant.ts';
import type { ShareLink } from '../../../models/share-link.ts';
import { may } from '../../access.ts';
import type { ForwardRequest } from '../../forward-page.ts';
import { type EnteredLink, heldBy, type LinkAccess, type LinkKey } from './link-access.ts';
import type { LinkContents } from './link-contents.ts';
import type { LinkFolder, LinkFolders } from './link-folders.ts';
import type { LinkNotes } from './link-notes.ts';
import type { LinkProofs } from './link-proofs.ts';
import type { Visitor } from './link-visitors.ts';

/** What a visitor saw: a file, or a page of a folder. */
export type Visit = { readonly link: ShareLink } & (
  | { readonly kind: ShareKind.FILE; readonly file: StoredFile }
  | ({ readonly kind: ShareKind.FOLDER } & LinkFolder)
);

/** Which page of which folder a visitor looks at. */
export interface FolderRequest extends ForwardRequest {
  readonly folderId?: string | null | undefined;
}

const HOUR_SECONDS = 3_600;

/** Shows the visitors of links what these lead to, and counts that as an opening. */
export class LinkVisits {
  private readonly access: Pick<LinkAccess, 'enter'>;
  private readonly contents: LinkContents;
  private readonly folders: LinkFolders;
  private readonly notes: LinkNotes;
  private readonly proofs: LinkProofs;
  private readonly baseUrl: () => string;

  constructor(parts: {
    access: Pick<LinkAccess, 'enter'>;
    contents: LinkContents;
    folders: LinkFolders;
    notes: LinkNotes;
    proofs: LinkProofs;
    baseUrl: () => string;
  }) {
    this.access = parts.access;
    this.contents = parts.contents;
    this.folders = parts.folders;
    this.notes = parts.notes;
    this.proofs = parts.proofs;
    this.baseUrl = parts.baseUrl;
  }

  /** What the link leads to; rejects as entering it does, and with GONE where its downloads are used up. */
  async look(key: LinkKey, visitor: Visitor, request: FolderRequest = {}): Promise<Visit> {
    const entered = await this.access.enter(key);
    const { link, target } = entered;
    if (link.allowDownload) await this.contents.requireLeft(link, visitor);
    const visit = await this.visitOf(entered, request);
    // A further page, or a folder below, is the same opening; and who only looks ahead has opened nothing.
    const isFurther = Boolean(request.after || (request.folderId && request.folderId !== target.thing.id));
    const isFirst = visit.kind === ShareKind.FILE || !isFurther;
    if (isFirst && !visitor.isBot) await this.notes.opened(link, this.contents.clientOf(link, visitor));
    return visit;
  }

  /** The same of a link to a file; NOT_FOUND for one to a folder. */
  async lookAtFile(key: LinkKey, visitor: Visitor): Promise<Visit & { kind: ShareKind.FILE }> {
    const visit = await this.look(key, visitor);
    if (visit.kind === ShareKind.FILE) return visit;
    throw new AppError('NOT_FOUND', 'This link leads to a folder.');
  }

  /** The same of a link to a folder; NOT_FOUND for one to a file. */
  async lookAtFolder(
    key: LinkKey,
    visitor: Visitor,
    request: FolderRequest,
  ): Promise<Visit & { kind: ShareKind.FOLDER }> {
    const visit = await this.look(key, visitor, request);
    if (visit.kind === ShareKind.FOLDER) return visit;
    throw new AppError('NOT_FOUND', 'This link leads to a file.');
  }

  /** Whether a file’s content can be had by the link now, but for how many downloads are left. */
  mayDownload(link: ShareLink, file: StoredFile): boolean {
    return link.allowDownload && !file.isAwaitingScan && may(null, 'download', file, heldBy(link));
  }

  /**
   * The address of something of a link’s, such as `content`, that works without headers; for links with a password it
   * carries a proof of that for an hour.
   */
  address(token: string, link: ShareLink, path: string, file?: StoredFile): string {
    const query = new URLSearchParams();
    if (file && link.kind === ShareKind.FOLDER) query.set('file', file.id);
    if (link.passwordHash) query.set('proof', this.proofs.give(link, HOUR_SECONDS));
    const text = query.size > 0 ? `?${query}` : '';
    return `${this.baseUrl()}/s/${token}/${path}${text}`;
  }

  private async visitOf(entered: EnteredLink, request: FolderRequest): Promise<Visit> {
    const { link, target } = entered;
    if (target.kind === ShareKind.FILE) return { kind: ShareKind.FILE, link, file: target.thing };
    const folder = await this.folders.open(entered, request.folderId, request);
    return { kind: ShareKind.FOLDER, link, ...folder };
  }
}
