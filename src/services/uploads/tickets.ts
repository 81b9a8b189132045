import { isDirect, newBlobKey, type UploadAddress } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { DirectUpload } from '../../models/direct-upload.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { ContentKeys } from '../copies/content-keys.ts';
import { draftOf, type UploadFacts } from '../files/file-drafts.ts';
import { Ledger } from '../ledger.ts';
import { quotaRoom } from '../quota.ts';
import type { Viewer } from '../viewer.ts';
import { essenceOf, requireAllowedType } from './content-type.ts';
import type { Destination } from './destination.ts';
import type { PartLinks } from './part-links.ts';
import { type PartSpan, partCountOf, partSizeFor, spansOf } from './ticket-parts.ts';
import { type IntakeRules, tooLarge } from './upload-intake.ts';
import type { UploadUndo } from './upload-undo.ts';

/** What a client says of a file before it sends it. */
export interface AnnouncedUpload extends UploadFacts {
  readonly originalName: string;
  /** Bytes, exactly. */
  readonly fileSize: number;
  readonly mimeType?: string | null | undefined;
}

/** Where to send one part; `start` and `size` in bytes of the file. */
export interface TicketPart extends UploadAddress, Pick<PartSpan, 'number' | 'start' | 'size'> {}

/** What a client needs to send a file that it has announced. */
export interface UploadTicket {
  /** The id of the file that it will be. */
  readonly id: string;
  readonly parts: readonly TicketPart[];
  readonly expiresAt: Date;
}

/** What tickets are like. */
export interface TicketRules extends IntakeRules {
  /** Bytes of a part, where a file has several. */
  readonly partSize: number;
  readonly lifetimeSeconds: number;
}

/** How many uploads of one account may be under way when it asks for another ticket. */
export const MOST_OPEN_UPLOADS = 100;
// What clients say of files whose type they do not know: nothing is declared by it.
const UNKNOWN_TYPE = 'application/octet-stream';

/** Issues the tickets of direct uploads. */
export class Tickets {
  private readonly users: Collections['users'];
  private readonly files: Collections['files'];
  private readonly stores: Stores;
  private readonly links: PartLinks;
  private readonly undo: UploadUndo;
  private readonly rules: TicketRules;
  private readonly keys: ContentKeys;
  private readonly reservations: Ledger;

  constructor(parts: {
    collections: Pick<Collections, 'users' | 'files'>;
    stores: Stores;
    links: PartLinks;
    undo: UploadUndo;
    rules: TicketRules;
    keys: ContentKeys;
  }) {
    this.users = parts.collections.users;
    this.files = parts.collections.files;
    this.stores = parts.stores;
    this.links = parts.links;
    this.undo = parts.undo;
    this.rules = parts.rules;
    this.keys = parts.keys;
    // Each open ticket is a claim on its account, so their number can be held in the same atomic step as the quota.
    this.reservations = new Ledger(this.users.collection as never, 'usedBytes', {
      room: (bytes, claims) => ({
        ...quotaRoom(bytes),
        [`claims.${MOST_OPEN_UPLOADS - claims}`]: { $exists: false },
      }),
    });
  }

  /** Reserves the file’s bytes and resolves with its ticket; rejects with what is known to be wrong already. */
  async issue(
    viewer: Viewer,
    announced: AnnouncedUpload,
    to: Destination = { owner: viewer.userId, folder: null },
  ): Promise<UploadTicket> {
    const { maxFileSize, types, lifetimeSeconds } = this.rules;
    if (announced.fileSize > maxFileSize) throw tooLarge(maxFileSize);
    const declared = essenceOf(announced.mimeType ?? '');
    if (declared && declared !== UNKNOWN_TYPE) requireAllowedType(declared, types);
    const expiresAt = new Date(Date.now() + lifetimeSeconds * 1000);
    const { owner } = to;
    const draft = draftOf(to, announced.originalName, announced, this.stores.primary);
    const direct = this.directOf(viewer, draft._id, announced, expiresAt);
    const id = draft._id.toHexString();
    // A refusal must not cost two thousand signatures.
    await this.requireRoom(owner, announced.fileSize);
    const parts = await this.addressed(id, direct);
    await this.reserve(owner, draft._id, announced.fileSize);
    try {
      const by = owner.equals(viewer.userId) ? {} : { uploadedBy: viewer.userId };
      await this.files.collection.insertOne({ ...draft, ...by, direct, heartbeatAt: expiresAt } as never);
    } catch (error) {
      // It may have been written all the same.
      if (await this.undo.undo(draft._id)) await this.reservations.release(owner, draft._id);
      throw error;
    }
    return { id, parts, expiresAt };
  }

  private directOf(
    { key: apiKey }: Viewer,
    id: ObjectId,
    { fileSize, mimeType, sha256 }: AnnouncedUpload,
    expiresAt: Date,
  ): DirectUpload {
    const partSize = partSizeFor(fileSize, this.rules.partSize);
    const uploadKey = this.keys.newKey();
    const keys = Array.from({ length: partCountOf(fileSize, partSize) }, () => newBlobKey('incoming'));
    return {
      provider: this.stores.primary.provider,
      keys,
      partSize,
      fileSize,
      declaredType: mimeType ?? '',
      ...(sha256 && { sha256 }),
      ...(uploadKey && { encryption: this.keys.wrap(uploadKey, { kind: 'upload', id }) }),
      ...(apiKey && { apiKeyId: apiKey.id }),
      expiresAt,
    };
  }

  private async addressed(id: string, direct: DirectUpload): Promise<TicketPart[]> {
    const parts: TicketPart[] = [];
    for (const span of spansOf(direct)) {
      const { number, start, size } = span;
      parts.push({ number, start, size, ...(await this.addressOf(id, span, direct)) });
    }
    return parts;
  }

  private async addressOf(
    id: string,
    { key, number, size }: PartSpan,
    { encryption, expiresAt }: DirectUpload,
  ): Promise<UploadAddress> {
    const { primary } = this.stores;
    // What is to be encrypted must come by here: a provider would keep it as it was sent.
    if (!encryption && isDirect(primary))
      return primary.uploadAddress(key, { size, expiresInSeconds: this.rules.lifetimeSeconds });
    return { method: 'PUT', url: this.links.partUrl(id, number, expiresAt), headers: {} };
  }

  private async reserve(userId: ObjectId, file: ObjectId, bytes: number): Promise<void> {
    if (await this.reservations.claim(userId, file, bytes)) return;
    await this.requireRoom(userId, bytes);
    throw noRoom();
  }

  /** Rejects with what stands against so many bytes more of the account’s, as it looks now. */
  private async requireRoom(userId: ObjectId, bytes: number): Promise<void> {
    const user = await this.users.findById(userId, { claims: 1, quotaBytes: 1, usedBytes: 1 }).lean();
    if ((user?.claims?.length ?? 0) >= MOST_OPEN_UPLOADS) {
      throw new AppError(
        'RATE_LIMITED',
        `At most ${MOST_OPEN_UPLOADS} uploads of an account may be under way; complete or cancel some.`,
      );
    }
    if (!user || user.usedBytes + bytes > (user.quotaBytes ?? Number.POSITIVE_INFINITY)) throw noRoom();
  }
}

const noRoom = () => new AppError('QUOTA_EXCEEDED', 'The account’s storage quota cannot hold this file.');
