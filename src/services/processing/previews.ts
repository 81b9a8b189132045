import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Stores } from '../../blobs/stores.ts';
import { BrokenSeal } from '../../encryption/broken-seal.ts';
import { Decryptor } from '../../encryption/decryptor.ts';
import { AppError, hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { StoredFile } from '../../models/file.ts';
import { ObjectId } from '../../models/object-id.ts';
import type { Preview } from '../../models/preview.ts';
import { requireNeed } from '../access.ts';
import type { ContentKeys } from '../copies/content-keys.ts';
import type { FileService } from '../files/files.ts';
import { isInfected } from '../scanning/judgement.ts';
import type { Authentication } from '../sessions/authentication.ts';
import type { Viewer } from '../viewer.ts';
import type { LostPreviews } from './lost-previews.ts';
import { PREVIEW_SIZES, type PreviewLinkParameters, type PreviewLinks } from './preview-links.ts';

/** How a request asks for a preview: with an access token, with a signed URL, or with neither for public files. */
export interface PreviewRequest {
  readonly fileId: string;
  readonly pixels: number;
  readonly bearer: string | null;
  readonly link: PreviewLinkParameters;
}

/** A small picture of a file’s content: WebP. */
export interface OpenPreview {
  readonly id: ObjectId;
  /** Its longest side has so many pixels at most. */
  readonly pixels: number;
  readonly bytes: Buffer;
}

const noPreview = () => new AppError('NOT_FOUND', 'There is no such preview.');

function requireSize(pixels: number): void {
  if (!PREVIEW_SIZES.some((size) => size === pixels)) throw noPreview();
}

/** Hands previews out: where they are, who may have them, and their bytes. */
export class PreviewService {
  private readonly collections: Pick<Collections, 'blobs' | 'users'>;
  private readonly stores: Stores;
  private readonly keys: ContentKeys;
  private readonly files: Pick<FileService, 'get'>;
  private readonly authentication: Pick<Authentication, 'authenticate' | 'isLiveKey'>;
  private readonly links: PreviewLinks;
  private readonly lost: LostPreviews;

  constructor(parts: {
    collections: Pick<Collections, 'blobs' | 'users'>;
    stores: Stores;
    keys: ContentKeys;
    files: Pick<FileService, 'get'>;
    authentication: Pick<Authentication, 'authenticate' | 'isLiveKey'>;
    links: PreviewLinks;
    lost: LostPreviews;
  }) {
    this.collections = parts.collections;
    this.stores = parts.stores;
    this.keys = parts.keys;
    this.files = parts.files;
    this.authentication = parts.authentication;
    this.links = parts.links;
    this.lost = parts.lost;
  }

  /** What previews these blobs have, in the same order; for many files at once. */
  async ofBlobs(ids: readonly string[]): Promise<Pick<Preview, '_id' | 'pixels'>[][]> {
    const found = await this.collections.blobs
      .find(
        { _id: { $in: ids.map((id) => new ObjectId(id)) } },
        { 'previews._id': 1, 'previews.pixels': 1, virus: 1 },
      )
      .lean<Pick<Blob, '_id' | 'previews' | 'virus'>[]>();
    const byId = new Map(
      found.map((blob) => [blob._id.toHexString(), isInfected(blob) ? [] : (blob.previews ?? [])]),
    );
    return ids.map((id) => byId.get(id) ?? []);
  }

  /** A signed URL of the preview that is asked for, by what previews there are; null where there is none. */
  url(
    viewer: Pick<Viewer, 'userId' | 'key'> | null,
    file: Pick<StoredFile, '_id'>,
    pixels: number,
    previews: readonly Pick<Preview, '_id' | 'pixels'>[],
  ): string | null {
    const preview = fitting(previews, pixels);
    return preview && this.links.url(viewer, file._id.toHexString(), pixels, preview._id);
  }

  /**
   * The file, if this request may see a preview of it: what is allowed to who may view the file. Rejects with UNAUTHENTICATED
   * for a token that is not valid, FORBIDDEN or GONE for a link that is not, GONE for an expired file and NOT_FOUND for
   * everything the caller may not see.
   */
  async authorise({ fileId, pixels, bearer, link }: PreviewRequest): Promise<StoredFile> {
    if (link.signature !== undefined) {
      requireSize(pixels);
      const { userId, keyId } = this.links.verify(fileId, pixels, link);
      if (userId) await this.requireActive(userId, keyId);
      return this.files.get(userId && { userId }, fileId);
    }
    const viewer = bearer === null ? null : await this.authentication.authenticate(bearer);
    requireNeed(viewer, 'files:read or anonymous');
    requireSize(pixels);
    return this.files.get(viewer, fileId);
  }

  /**
   * The preview of the file that is this large, or the largest below; who may see it is decided before. NOT_FOUND where there
   * is none, STORAGE_UNAVAILABLE where it cannot be read now. One that its store has lost is made anew.
   */
  async open(file: Pick<StoredFile, 'blob'>, pixels: number): Promise<OpenPreview> {
    const blob =
      file.blob && (await this.collections.blobs.findById(file.blob, { previews: 1, virus: 1 }).lean<Blob>());
    const preview = blob && !isInfected(blob) ? fitting(blob.previews ?? [], pixels) : null;
    if (!blob || !preview) throw noPreview();
    try {
      const bytes = await this.read(preview);
      if (bytes.length !== preview.bytes) throw new BrokenSeal('It has another size.');
      return { id: preview._id, pixels: preview.pixels, bytes };
    } catch (error) {
      if (!hasCode(error, 'NOT_FOUND') && !(error instanceof BrokenSeal)) throw error;
      await this.lost.forget(blob._id, preview);
      throw noPreview();
    }
  }

  private async read(preview: Preview): Promise<Buffer> {
    const { _id, encryption } = preview;
    const key = encryption && this.keys.unwrap(encryption, { kind: 'preview', id: _id });
    const { stream } = await this.stores.of(preview).open(preview.key);
    const chunks: Buffer[] = [];
    const collect = async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) chunks.push(chunk);
    };
    if (key) await pipeline(stream, new Decryptor(key, preview.bytes), collect);
    else await pipeline(Readable.from(stream), collect);
    return Buffer.concat(chunks);
  }

  private async requireActive(userId: ObjectId, keyId: ObjectId | null): Promise<void> {
    const [active, live] = await Promise.all([
      this.collections.users.exists({ _id: userId, isActive: true }),
      keyId === null || this.authentication.isLiveKey(userId, keyId),
    ]);
    if (!active || !live) throw noPreview();
  }
}

/** The preview of that size, or the largest that is smaller: of a small picture there are no large ones. */
function fitting<P extends Pick<Preview, 'pixels'>>(previews: readonly P[], pixels: number): P | null {
  return previews
    .filter((each) => each.pixels <= pixels)
    .reduce<P | null>((best, each) => (best && best.pixels >= each.pixels ? best : each), null);
}
