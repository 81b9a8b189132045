import { pipeline, type Readable } from 'node:stream';
import type { ByteRange } from '../../../blobs/blob-store.ts';
import { AppError } from '../../../errors.ts';
import type { Collections } from '../../../models/collections.ts';
import type { StoredFile } from '../../../models/file.ts';
import { ShareKind } from '../../../models/grant.ts';
import { type ObjectId, parseId } from '../../../models/object-id.ts';
import type { ShareLink } from '../../../models/share-link.ts';
import { may } from '../../access.ts';
import { AWAITS_SCAN, type DownloadService } from '../../files/downloads.ts';
import { notFound } from '../../files/files.ts';
import type { FolderTree } from '../../folders/folder-tree.ts';
import type { AccessWatch } from '../permissions/access-watch.ts';
import { CountedBytes } from './counted-bytes.ts';
import { type EnteredLink, heldBy, type LinkAccess } from './link-access.ts';
import { type Delivery, isLeft, type LinkDeliveries, usedUp, type Wanted } from './link-deliveries.ts';
import type { LinkNotes } from './link-notes.ts';
import { findSharedFile } from './link-targets.ts';
import type { LinkVisitors, Visitor } from './link-visitors.ts';

/** A file whose content a visitor may have by a link. */
export interface LinkContent {
  readonly link: ShareLink;
  readonly file: StoredFile;
  readonly visitor: Visitor;
}

// Longer ones don’t fit a timer; whoever still reads then is asked every other second.
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What contents are handed to the visitors of links with. */
export interface LinkContentParts {
  readonly collections: Pick<Collections, 'files'>;
  readonly access: Pick<LinkAccess, 'stillWorks'>;
  readonly tree: Pick<FolderTree, 'above' | 'isLive'>;
  readonly downloads: Pick<DownloadService, 'open' | 'count'>;
  readonly deliveries: LinkDeliveries;
  readonly visitors: LinkVisitors;
  readonly notes: LinkNotes;
  readonly watch: Pick<AccessWatch, 'stream' | 'ended'>;
}

/** Hands contents to the visitors of links, counts that, and ends it with the link. */
export class LinkContents {
  private readonly parts: LinkContentParts;

  constructor(parts: LinkContentParts) {
    this.parts = parts;
  }

  /** The file that a link leads to, or one below its folder; NOT_FOUND for every other. */
  async find({ link, target }: EnteredLink, fileId?: string | null): Promise<StoredFile> {
    if (target.kind === ShareKind.FILE) {
      if (fileId && fileId !== target.thing.id) throw notFound();
      return target.thing;
    }
    const id = parseId(fileId);
    const file = id && (await findSharedFile(this.parts.collections, id));
    if (!file || !(await this.isBelow(link, file)) || !may(null, 'view', file, heldBy(link)))
      throw notFound();
    return file;
  }

  /**
   * The file, if the visitor may have its content: FORBIDDEN for programs that only look ahead and where the link or the
   * owner’s lock allows none, FILE_LOCKED until a scanner has looked at it.
   */
  async authorise(entered: EnteredLink, visitor: Visitor, fileId?: string | null): Promise<LinkContent> {
    const { link } = entered;
    const file = await this.find(entered, fileId);
    this.requireDownloads(link, visitor);
    if (!may(null, 'download', file, heldBy(link))) throw viewOnly();
    if (file.isAwaitingScan) throw new AppError('FILE_LOCKED', AWAITS_SCAN);
    return { link, file, visitor };
  }

  /** Lets pass who may fetch contents by this link at all, or FORBIDDEN. */
  requireDownloads(link: ShareLink, { isBot }: Visitor): void {
    if (!link.allowDownload) throw viewOnly();
    if (isBot) throw new AppError('FORBIDDEN', 'Contents are for people who open the link.');
  }

  /** Lets pass while something is left to fetch: of the file, or without one of anything; else GONE. */
  async requireLeft(link: ShareLink, visitor: Visitor, file?: StoredFile): Promise<void> {
    if (isLeft(link)) return;
    const client = this.clientOf(link, visitor);
    if (!(await this.parts.deliveries.goesOn(link, client, file?._id))) throw usedUp();
  }

  /**
   * The bytes, or one range of them; rejects before any byte, with GONE where the downloads are used up. It is counted as
   * a download where it goes on with none. The stream fails with GONE once the link or the file has ended.
   */
  async open({ link, file, visitor }: LinkContent, range?: ByteRange): Promise<Readable> {
    const length = range && (range.end ?? file.fileSize - 1) - range.start + 1;
    const wanted = this.wanted(link, visitor, file._id, file.fileSize);
    const delivery = await this.parts.deliveries.begin(wanted, length);
    const bytes = await this.opened(delivery, () => this.parts.downloads.open(file, range));
    this.watchLink(link, bytes);
    this.watchFile(link, file, bytes);
    if (delivery.isNew) this.began(link, file, wanted.client);
    return bytes;
  }

  /** Counts files that are fetched as one; GONE where the downloads are used up. */
  beginMany(link: ShareLink, visitor: Visitor, folder: ObjectId): Promise<Delivery> {
    return this.parts.deliveries.begin(this.wanted(link, visitor, folder, 0));
  }

  /** Hears of a file of which the first byte is about to leave. */
  began(link: ShareLink, file: StoredFile, client: string): void {
    // A count that fails must not fail the download.
    this.parts.downloads.count(file).catch(() => undefined);
    this.parts.notes.downloaded(link, file, client);
  }

  /** What tells a visitor of the link from others. */
  clientOf(link: ShareLink, visitor: Visitor): string {
    return this.parts.visitors.digest(link._id, visitor);
  }

  /** Watches a file’s bytes until they are read: they fail with GONE once the file is not to be had by the link. */
  watchFile(link: ShareLink, { _id }: StoredFile, bytes: Readable): void {
    this.parts.watch.stream(fileKey(_id, link._id), bytes, async () => {
      const file = await findSharedFile(this.parts.collections, _id);
      return file !== null && may(null, 'download', file, heldBy(link)) && (await this.isBelow(link, file));
    });
  }

  /** Whether the file is what the link leads to, or lies below its folder, in live folders. */
  async isBelow(link: ShareLink, file: Pick<StoredFile, '_id' | 'userId' | 'folder'>): Promise<boolean> {
    if (link.kind === ShareKind.FILE) return file._id.equals(link.target);
    if (!file.userId.equals(link.userId)) return false;
    const { tree } = this.parts;
    const above = await tree.above(link.userId, file.folder);
    return above.some((id) => id.equals(link.target)) && tree.isLive(link.userId, file.folder);
  }

  private wanted(link: ShareLink, visitor: Visitor, thing: ObjectId, size: number): Wanted {
    return { link, thing, size, client: this.clientOf(link, visitor) };
  }

  private async opened(delivery: Delivery, open: () => Promise<Readable>): Promise<Readable> {
    let source: Readable;
    try {
      source = await open();
    } catch (error) {
      await delivery.ended(0, false);
      throw error;
    }
    const counted = new CountedBytes();
    const bytes = pipeline(source, counted, (error) => {
      // What could not be noted stays reserved: that errs on the side of the link’s limit.
      delivery.ended(counted.bytes, !error).catch(() => undefined);
    });
    return bytes;
  }

  /** Watches bytes until they are read: they fail with GONE once the link ends. */
  watchLink(link: ShareLink, bytes: Readable): void {
    const { watch, access } = this.parts;
    watch.stream(linkKey(link), bytes, () => access.stillWorks(link));
    const left = link.expiresAt ? link.expiresAt.getTime() - Date.now() : LONGEST_TIMER_MS;
    if (left >= LONGEST_TIMER_MS) return;
    // It may have been given more time since.
    const end = async () => {
      if (!(await access.stillWorks(link).catch(() => false))) watch.ended(linkKey(link));
    };
    const timer = setTimeout(() => void end(), left);
    timer.unref();
    bytes.once('close', () => clearTimeout(timer));
  }
}

/** What the streams by a link run by: the link, with the password that it had when they began. */
export const linkKey = ({ _id, passwordHash }: Pick<ShareLink, '_id' | 'passwordHash'>): string =>
  `link ${_id.toHexString()} ${passwordHash ?? ''}`;

const fileKey = (file: ObjectId, link: ObjectId) =>
  `file ${file.toHexString()} by link ${link.toHexString()}`;

const viewOnly = () => new AppError('FORBIDDEN', 'This link shows what it leads to, and hands nothing out.');
