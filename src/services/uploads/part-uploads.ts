import type { Readable } from 'node:stream';
import type { Stores } from '../../blobs/stores.ts';
import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { DirectUpload } from '../../models/direct-upload.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';
import type { PartLinkParameters, PartLinks } from './part-links.ts';
import { spansOf } from './ticket-parts.ts';
import type { UploadRun } from './upload-run.ts';

/** A part that somebody may send now. */
export interface AdmittedPart {
  readonly ticket: ObjectId;
  readonly provider: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

/** Takes the parts of direct uploads in, for stores that clients cannot reach themselves. */
export class PartUploads {
  private readonly collections: Pick<Collections, 'files' | 'users'>;
  private readonly stores: Stores;
  private readonly links: PartLinks;
  private readonly run: UploadRun;
  private readonly tries = new Map<string, { controller: AbortController; ended: Promise<void> }>();

  constructor(parts: {
    collections: Pick<Collections, 'files' | 'users'>;
    stores: Stores;
    links: PartLinks;
    run: UploadRun;
  }) {
    this.collections = parts.collections;
    this.stores = parts.stores;
    this.links = parts.links;
    this.run = parts.run;
  }

  /**
   * The part that this address and this length are for. Rejects with FORBIDDEN or GONE for an address that is not
   * valid, with NOT_FOUND when its ticket is not open or its account is shut, with BAD_USER_INPUT or PAYLOAD_TOO_LARGE
   * for a wrong length.
   */
  async admit(id: string, number: string, link: PartLinkParameters, length: number): Promise<AdmittedPart> {
    this.links.verify(id, number, link);
    const ticket = parseId(id);
    const direct = ticket && (await this.openTicket(ticket));
    const span = direct && spansOf(direct).find((each) => String(each.number) === number);
    if (!ticket || !direct || !span) throw noTicket();
    if (length > span.size)
      throw new AppError('PAYLOAD_TOO_LARGE', `The part has ${span.size} bytes, no more.`);
    if (length < span.size)
      throw new AppError('BAD_USER_INPUT', `The part has ${span.size} bytes, no fewer.`);
    return { ticket, provider: direct.provider, key: span.key, size: span.size };
  }

  /**
   * Stores the part in place of what was sent of it before; all or nothing. NOT_FOUND when the ticket ended meanwhile,
   * CONFLICT when the part is sent once more before it is stored: the latest one wins.
   */
  put(part: AdmittedPart, source: Readable): Promise<void> {
    const { key } = part;
    const former = this.tries.get(key);
    former?.controller.abort(new AppError('CONFLICT', 'The part is being sent again.'));
    const controller = new AbortController();
    const ended = this.replace(part, source, controller.signal, former?.ended);
    const own = { controller, ended };
    this.tries.set(key, own);
    const forget = () => {
      if (this.tries.get(key) === own) this.tries.delete(key);
    };
    ended.then(forget, forget);
    return this.run.track(ended);
  }

  private async openTicket(_id: ObjectId): Promise<DirectUpload | null> {
    const { files, users } = this.collections;
    const file = await files
      .findOne({ _id, uploadStatus: UploadStatus.PENDING }, { direct: 1, userId: 1 })
      .lean();
    if (!file?.direct) return null;
    return (await users.exists({ _id: file.userId, isActive: true })) ? file.direct : null;
  }

  private async replace(
    { ticket, provider, key, size }: AdmittedPart,
    source: Readable,
    signal: AbortSignal,
    former: Promise<unknown> | undefined,
  ): Promise<void> {
    // Of a client that tries again because its connection broke, the first try may not have ended yet.
    await former?.catch(() => undefined);
    const store = this.stores.of({ provider });
    await store.delete(key);
    const stored = await store.put(key, source, { atMost: size, signal });
    // Whoever ended the ticket has deleted its parts before this one was there.
    const open = { $in: [UploadStatus.PENDING, UploadStatus.UPLOADING] };
    const isOpen = await this.collections.files.exists({ _id: ticket, uploadStatus: open });
    if (isOpen && stored === size) return;
    await store.delete(key);
    throw isOpen ? new AppError('BAD_USER_INPUT', 'The part ended early.') : noTicket();
  }
}

const noTicket = () => new AppError('NOT_FOUND', 'There is no such upload.');
