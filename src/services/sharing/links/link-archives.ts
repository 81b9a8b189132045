import type { Readable } from 'node:stream';
import type { AppError } from '../../../errors.ts';
import type { StoredFile } from '../../../models/file.ts';
import type { ShareLink } from '../../../models/share-link.ts';
import { may } from '../../access.ts';
import type { Archive, ArchivedFile, ArchiveRight, Archives } from '../../files/archives.ts';
import { notFound } from '../../files/files.ts';
import { type EnteredLink, heldBy, type LinkAccess } from './link-access.ts';
import type { LinkContents } from './link-contents.ts';
import type { Delivery } from './link-deliveries.ts';
import type { LinkFolders } from './link-folders.ts';
import type { Visitor } from './link-visitors.ts';

/** A folder’s files that a visitor may have as one. */
export interface LinkArchive {
  readonly archive: Archive;
  /** Counts it as one download; GONE where they are used up. */
  begin(): Promise<Delivery>;
}

/** Hands the folders that links lead to out as archives. */
export class LinkArchives {
  private readonly archives: Pick<Archives, 'ofFolder'>;
  private readonly folders: LinkFolders;
  private readonly contents: LinkContents;
  private readonly access: Pick<LinkAccess, 'stillWorks'>;

  constructor(parts: {
    archives: Pick<Archives, 'ofFolder'>;
    folders: LinkFolders;
    contents: LinkContents;
    access: Pick<LinkAccess, 'stillWorks'>;
  }) {
    this.archives = parts.archives;
    this.folders = parts.folders;
    this.contents = parts.contents;
    this.access = parts.access;
  }

  /** Everything in the link’s folder, or in one below it; FORBIDDEN and GONE as single contents are. */
  async plan(entered: EnteredLink, visitor: Visitor, folderId?: string | null): Promise<LinkArchive> {
    const { link } = entered;
    const { folder } = await this.folders.find(entered, folderId);
    this.contents.requireDownloads(link, visitor);
    await this.contents.requireLeft(link, visitor);
    const right = new LinkRight(link, this.contents.clientOf(link, visitor), this.contents, this.access);
    return {
      archive: await this.archives.ofFolder(folder, right),
      begin: () => this.contents.beginMany(link, visitor, folder._id),
    };
  }
}

/** What a link lets its visitors have of an archive. */
class LinkRight implements ArchiveRight {
  private readonly link: ShareLink;
  private readonly client: string;
  private readonly contents: LinkContents;
  private readonly access: Pick<LinkAccess, 'stillWorks'>;

  constructor(
    link: ShareLink,
    client: string,
    contents: LinkContents,
    access: Pick<LinkAccess, 'stillWorks'>,
  ) {
    this.link = link;
    this.client = client;
    this.contents = contents;
    this.access = access;
  }

  async allowed(files: readonly ArchivedFile[]): Promise<readonly ArchivedFile[]> {
    return files.filter((file) => this.isAllowed(file));
  }

  refusal(): AppError {
    return notFound();
  }

  async stillAllowed(file: StoredFile): Promise<boolean> {
    return (
      this.isAllowed(file) &&
      (await this.contents.isBelow(this.link, file)) &&
      (await this.access.stillWorks(this.link))
    );
  }

  began(file: StoredFile, bytes: Readable): void {
    this.contents.began(this.link, file, this.client);
    this.contents.watchFile(this.link, file, bytes);
  }

  watch(whole: Readable): void {
    this.contents.watchLink(this.link, whole);
  }

  private isAllowed(file: ArchivedFile): boolean {
    return may(null, 'download', file, heldBy(this.link));
  }
}
