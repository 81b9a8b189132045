import type { Readable } from 'node:stream';
import { type ByteRange, isDirect } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { AppError } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { StoredFile } from '../../models/file.ts';
import { requireNeed } from '../access.ts';
import type { AccountWatch } from '../accounts/account-watch.ts';
import type { DownloadNotes } from '../audit/download-notes.ts';
import type { BlobReader } from '../copies/blob-reader.ts';
import { isInfected } from '../scanning/judgement.ts';
import type { Authentication } from '../sessions/authentication.ts';
import type { AccessWatch } from '../sharing/permissions/access-watch.ts';
import type { VersionReader } from '../versions/version-reader.ts';
import type { RunsFor, Viewer } from '../viewer.ts';
import { type FileService, notFound } from './files.ts';
import type { Disposition, LinkGrant, LinkParameters, LinkService } from './links.ts';

/** How a request asks for a content: with an access token, with a signed URL, or with neither for public files. */
export interface DownloadRequest {
  readonly fileId: string;
  readonly bearer: string | null;
  readonly link: LinkParameters;
}

/** A file whose content the caller may have. */
export interface Download {
  readonly file: StoredFile;
  readonly disposition: Disposition;
  /** On whose behalf; null for somebody without an account. */
  readonly by: RunsFor | null;
}

/** How a content is to be answered, whoever answers it. */
export interface ContentFacts {
  readonly contentType: string;
  readonly contentDisposition: string;
}

/** What is said of a content that no scanner has looked at yet. */
export const AWAITS_SCAN = 'The content waits for a virus scan. An administrator may release it.';
// Long enough to follow a redirection, short enough that its address is worth little to whoever finds it in a log.
const REDIRECT_SECONDS = 60;

/** Hands bytes back: who may have them, and the stream of them. */
export class DownloadService {
  private readonly collections: Collections;
  private readonly files: FileService;
  private readonly authentication: Authentication;
  private readonly links: LinkService;
  private readonly reader: BlobReader;
  private readonly stores: Stores;
  private readonly watch: AccountWatch;
  private readonly accessWatch: Pick<AccessWatch, 'stream'>;
  private readonly versions: Pick<VersionReader, 'asItWas'>;
  private readonly notes: DownloadNotes;
  private readonly redirects: boolean;

  /** With `redirects`, downloads are sent on to the provider where it can serve them. */
  constructor(parts: {
    collections: Collections;
    files: FileService;
    authentication: Authentication;
    links: LinkService;
    reader: BlobReader;
    stores: Stores;
    watch: AccountWatch;
    accessWatch: Pick<AccessWatch, 'stream'>;
    versions: Pick<VersionReader, 'asItWas'>;
    notes: DownloadNotes;
    redirects: boolean;
  }) {
    this.collections = parts.collections;
    this.files = parts.files;
    this.authentication = parts.authentication;
    this.links = parts.links;
    this.reader = parts.reader;
    this.stores = parts.stores;
    this.watch = parts.watch;
    this.accessWatch = parts.accessWatch;
    this.versions = parts.versions;
    this.notes = parts.notes;
    this.redirects = parts.redirects;
  }

  /**
   * The file, if this request may have its content. Rejects with UNAUTHENTICATED for a token that is not valid,
   * FORBIDDEN or GONE for a link that is not, GONE for an expired file and NOT_FOUND for everything the caller may not see.
   */
  async authorise(request: DownloadRequest): Promise<Download> {
    const { fileId, bearer, link } = request;
    if (link.signature !== undefined) {
      const grant = this.links.verify(fileId, link);
      const viewer = grant.viewer && (await this.stillActive(grant.viewer, grant.keyId));
      const by = viewer && { ...viewer, key: grant.keyId ? { id: grant.keyId } : undefined };
      return { file: await this.get(viewer, fileId, link.version), disposition: grant.disposition, by };
    }
    const viewer = bearer === null ? null : await this.authentication.authenticate(bearer);
    requireNeed(viewer, 'files:read or anonymous');
    return {
      file: await this.get(viewer, fileId, link.version),
      disposition: link.disposition === 'inline' ? 'inline' : 'attachment',
      by: viewer,
    };
  }

  /**
   * The content’s bytes, or one range of them; rejects before any byte. Destroying the stream frees what it holds; it
   * fails with UNAUTHENTICATED when whom it runs for has ended, and with GONE when they had it by grants that did.
   */
  async open(file: StoredFile, range?: ByteRange, by: RunsFor | null = null): Promise<Readable> {
    const stream = await this.reader.open(await this.find(file), range);
    if (by) this.watch.stream(by, stream);
    if (by && !file.isPublic && !file.userId.equals(by.userId)) this.watchGrants(by, file, stream);
    return stream;
  }

  private watchGrants(by: RunsFor, { _id }: StoredFile, stream: Readable): void {
    const id = _id.toHexString();
    const stillMay = async () => !(await this.files.get(by, id, 'download')).isDeleted;
    this.accessWatch.stream(`grants of ${by.userId.toHexString()} ${id}`, stream, stillMay);
  }

  /**
   * An address at which the provider itself answers the whole content or a range of it, for a minute; null where the
   * service has to. That is so for encrypted content, and where the copy that is read first is not there in full.
   */
  async addressElsewhere(file: StoredFile, facts: ContentFacts): Promise<string | null> {
    if (!this.redirects || file.encryption.isEncrypted) return null;
    try {
      const blob = await this.find(file);
      // It may be encrypted since the file was last told.
      if (blob.encryption) return null;
      const store = this.stores.of(blob);
      if (!isDirect(store)) return null;
      await this.reader.requireFirst(blob);
      return await store.downloadUrl(blob.key, { expiresInSeconds: REDIRECT_SECONDS, ...facts });
    } catch {
      // Another copy may serve; if none does, reading tells why.
      return null;
    }
  }

  /** The blob, for as long as nothing was found in it: of that its files may learn a moment later. */
  private async find(file: StoredFile): Promise<Blob> {
    const blob = await this.reader.find(file.blob);
    if (isInfected(blob)) throw notFound();
    return blob;
  }

  /** Notes a download that has begun in the audit trail, without keeping it waiting. */
  note({ by, file }: Pick<Download, 'by' | 'file'>): void {
    this.notes.begun(by, file);
  }

  /** Counts one download; a count that fails must not fail the download, so the caller need not wait. */
  async count(file: StoredFile): Promise<void> {
    await this.collections.files.updateOne(
      { _id: file._id },
      { $inc: { downloadCount: 1 }, $set: { lastDownloaded: new Date() } },
      { timestamps: false },
    );
  }

  private async get(
    viewer: Pick<Viewer, 'userId'> | null,
    fileId: string,
    version: unknown,
  ): Promise<StoredFile> {
    const file = await this.files.get(viewer, fileId, 'download');
    if (file.isDeleted) throw notFound();
    if (version !== undefined) return this.versions.asItWas(viewer, file, String(version));
    if (file.isAwaitingScan) throw new AppError('FILE_LOCKED', AWAITS_SCAN);
    return file;
  }

  private async stillActive(
    viewer: Pick<Viewer, 'userId'>,
    keyId: LinkGrant['keyId'],
  ): Promise<Pick<Viewer, 'userId'>> {
    const [active, live] = await Promise.all([
      this.collections.users.exists({ _id: viewer.userId, isActive: true }),
      keyId === null || this.authentication.isLiveKey(viewer.userId, keyId),
    ]);
    if (!active || !live) throw notFound();
    return viewer;
  }
}
