import type { KeyObject } from 'node:crypto';
import { pipeline, type Readable } from 'node:stream';
import type { Stores } from '../../blobs/stores.ts';
import { PartEncryptor } from '../../encryption/part-cipher.ts';
import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { DirectUpload } from '../../models/direct-upload.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';
import type { AccountWatch } from '../accounts/account-watch.ts';
import type { ContentKeys } from '../copies/content-keys.ts';
import type { Authentication } from '../sessions/authentication.ts';
import type { PartLinkParameters, PartLinks } from './part-links.ts';
import { type PartSpan, spansOf } from './ticket-parts.ts';
import type { UploadRun } from './upload-run.ts';

/** A part that somebody may send now. */
export interface AdmittedPart extends Pick<PartSpan, 'key' | 'number' | 'storedSize'> {
  readonly ticket: ObjectId;
  /** Who announced it. */
  readonly by: ObjectId;
  /** The API key that announced it. */
  readonly apiKey: { readonly id: ObjectId } | undefined;
  readonly provider: string;
  /** What it is encrypted with; null where it is kept plain. */
  readonly uploadKey: KeyObject | null;
}

/** Takes the parts of direct uploads in, where clients cannot reach the store themselves or must not. */
export class PartUploads {
  private readonly collections: Pick<Collections, 'files' | 'users'>;
  private readonly stores: Stores;
  private readonly links: PartLinks;
  private readonly run: UploadRun;
  private readonly watch: AccountWatch;
  private readonly authentication: Pick<Authentication, 'isLiveKey'>;
  private readonly keys: ContentKeys;
  private readonly tries = new Map<string, { controller: AbortController; ended: Promise<void> }>();

  constructor(parts: {
    collections: Pick<Collections, 'files' | 'users'>;
    stores: Stores;
    links: PartLinks;
    run: UploadRun;
    watch: AccountWatch;
    authentication: Pick<Authentication, 'isLiveKey'>;
    keys: ContentKeys;
  }) {
    this.collections = parts.collections;
    this.stores = parts.stores;
    this.links = parts.links;
    this.run = parts.run;
    this.watch = parts.watch;
    this.keys = parts.keys;
    this.authentication = parts.authentication;
  }

  /**
   * The part that this address and this length are for. Rejects with FORBIDDEN or GONE for an address that is not
   * valid, with NOT_FOUND when its ticket is not open, its account shut or its API key revoked, with BAD_USER_INPUT or
   * PAYLOAD_TOO_LARGE for a wrong length, with STORAGE_UNAVAILABLE when it cannot be encrypted.
   */
  async admit(id: string, number: string, link: PartLinkParameters, length: number): Promise<AdmittedPart> {
    this.links.verify(id, number, link);
    const ticket = parseId(id);
    const open = ticket && (await this.openTicket(ticket));
    const direct = open?.direct;
    const span = direct && spansOf(direct).find((each) => String(each.number) === number);
    if (!ticket || !open || !direct || !span) throw noTicket();
    if (length > span.size)
      throw new AppError('PAYLOAD_TOO_LARGE', `The part has ${span.size} bytes, no more.`);
    if (length < span.size)
      throw new AppError('BAD_USER_INPUT', `The part has ${span.size} bytes, no fewer.`);
    const { encryption, provider } = direct;
    const uploadKey = encryption ? this.keys.unwrap(encryption, { kind: 'upload', id: ticket }) : null;
    const { key, storedSize } = span;
    const apiKey = direct.apiKeyId && { id: direct.apiKeyId };
    return { ticket, by: open.by, apiKey, provider, key, number: span.number, storedSize, uploadKey };
  }

  /**
   * Stores the part in place of what was sent of it before; all or nothing. NOT_FOUND when the ticket ended meanwhile,
   * CONFLICT when the part is sent once more before it is stored: the latest one wins, UNAUTHENTICATED when its account or its API key ends meanwhile.
   */
  put(part: AdmittedPart, source: Readable): Promise<void> {
    const { key } = part;
    const former = this.tries.get(key);
    former?.controller.abort(new AppError('CONFLICT', 'The part is being sent again.'));
    const controller = new AbortController();
    const by = { userId: part.by, key: part.apiKey };
    const ended = this.watch.run(by, controller.signal, (signal) =>
      this.replace(part, source, signal, former?.ended),
    );
    const own = { controller, ended };
    this.tries.set(key, own);
    const forget = () => {
      if (this.tries.get(key) === own) this.tries.delete(key);
    };
    ended.then(forget, forget);
    return this.run.track(ended);
  }

  private async openTicket(_id: ObjectId): Promise<{ direct: DirectUpload; by: ObjectId } | null> {
    const { files, users } = this.collections;
    const file = await files
      .findOne({ _id, uploadStatus: UploadStatus.PENDING }, { direct: 1, userId: 1, uploadedBy: 1 })
      .lean();
    if (!file?.direct) return null;
    const { direct, userId, uploadedBy: by = userId } = file;
    const { apiKeyId } = direct;
    const [isActive, isWanted, isLive] = await Promise.all([
      users.exists({ _id: by, isActive: true }),
      by.equals(userId) || users.exists({ _id: userId, isActive: true }),
      !apiKeyId || this.authentication.isLiveKey(by, apiKeyId),
    ]);
    return isActive && isWanted && isLive ? { direct, by } : null;
  }

  private async replace(
    { ticket, provider, key, number, storedSize, uploadKey }: AdmittedPart,
    source: Readable,
    signal: AbortSignal,
    former: Promise<unknown> | undefined,
  ): Promise<void> {
    // Of a client that tries again because its connection broke, the first try may not have ended yet.
    await former?.catch(() => undefined);
    const store = this.stores.of({ provider });
    await store.delete(key);
    const sealed = uploadKey
      ? pipeline(source, new PartEncryptor(uploadKey, number), () => undefined)
      : source;
    const stored = await store.put(key, sealed, { atMost: storedSize, signal });
    // Whoever ended the ticket has deleted its parts before this one was there.
    const open = { $in: [UploadStatus.PENDING, UploadStatus.UPLOADING] };
    const isOpen = await this.collections.files.exists({ _id: ticket, uploadStatus: open });
    if (isOpen && stored === storedSize) return;
    await store.delete(key);
    throw isOpen ? new AppError('BAD_USER_INPUT', 'The part ended early.') : noTicket();
  }
}

const noTicket = () => new AppError('NOT_FOUND', 'There is no such upload.');
