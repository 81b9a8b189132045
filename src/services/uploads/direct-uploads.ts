import type { KeyObject } from 'node:crypto';
import { newBlobKey } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { AppError, type ErrorCode, hasCode } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { DirectUpload } from '../../models/direct-upload.ts';
import type { StoredFile } from '../../models/file.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import { parseId } from '../../models/object-id.ts';
import { requireVerified } from '../access.ts';
import type { AccountWatch } from '../accounts/account-watch.ts';
import type { ContentKeys } from '../copies/content-keys.ts';
import type { Ledger } from '../ledger.ts';
import { Reservation } from '../quota.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import { joinedParts, requireParts, spansOf } from './ticket-parts.ts';
import type { AnnouncedUpload, Tickets, UploadTicket } from './tickets.ts';
import type { UploadRun } from './upload-run.ts';
import type { UploadRemains, UploadUndo } from './upload-undo.ts';

type Ticket = StoredFile & { direct: DirectUpload };

// Trying again with the same bytes would end the same way.
const FINAL: readonly ErrorCode[] = [
  'BAD_USER_INPUT',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'HASH_MISMATCH',
  'QUOTA_EXCEEDED',
];
const RETRY_SECONDS = 5;

/**
 * Uploads whose bytes a client sends to a store under a ticket, without passing through the API. The ticket is the
 * file’s own document, PENDING; completing it takes the parts in by the very path of every other upload, so nothing
 * that a client puts under its addresses is ever served itself.
 */
export class DirectUploads {
  private readonly files: Collections['files'];
  private readonly stores: Stores;
  private readonly usage: Ledger;
  private readonly undo: UploadUndo;
  private readonly run: UploadRun;
  private readonly watch: AccountWatch;
  private readonly tickets: Tickets;
  private readonly needsVerifiedEmail: boolean;
  private readonly keys: ContentKeys;
  private readonly stopping = new AbortController();

  constructor(parts: {
    collections: Pick<Collections, 'files'>;
    stores: Stores;
    usage: Ledger;
    undo: UploadUndo;
    run: UploadRun;
    watch: AccountWatch;
    tickets: Tickets;
    /** Whether only accounts that verified their address may upload. */
    needsVerifiedEmail?: boolean;
    keys: ContentKeys;
  }) {
    this.files = parts.collections.files;
    this.stores = parts.stores;
    this.usage = parts.usage;
    this.undo = parts.undo;
    this.run = parts.run;
    this.watch = parts.watch;
    this.tickets = parts.tickets;
    this.needsVerifiedEmail = parts.needsVerifiedEmail ?? false;
    this.keys = parts.keys;
  }

  /**
   * Announces a file and resolves with where to send its bytes; its size counts against the quota from then on. Rejects
   * with PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, QUOTA_EXCEEDED or, with too many open tickets, RATE_LIMITED.
   */
  async create(viewer: Viewer, announced: AnnouncedUpload): Promise<UploadTicket> {
    requireVerified(viewer, this.needsVerifiedEmail);
    return this.tickets.issue(viewer, announced);
  }

  /**
   * Makes a file of the parts that were sent and resolves with it; of a ticket that was completed already with the file
   * it became. Rejects with BAD_USER_INPUT where a part is missing or has a wrong size, with CONFLICT while it is being
   * completed, with GONE once it or its file has expired, and as any other upload. It stays open after what may pass, and is gone
   * with all its parts after what cannot.
   */
  complete(
    viewer: Viewer,
    id: string,
    sent: readonly number[] | null,
    signal: AbortSignal,
  ): Promise<StoredFile> {
    const either = AbortSignal.any([signal, this.stopping.signal]);
    return this.run.track(
      this.watch.run(viewer, either, (signal) => this.completeOnce(viewer, id, sent, signal)),
    );
  }

  /** Takes the ticket back with everything that was sent; CONFLICT once it is being completed or was. */
  async cancel(viewer: Viewer, id: string): Promise<true> {
    const ticket = await this.find(viewer, id);
    const { modifiedCount } = await this.files.updateOne(
      { _id: ticket._id, uploadStatus: UploadStatus.PENDING },
      { $set: { uploadStatus: UploadStatus.CANCELLED } },
    );
    if (modifiedCount === 0) throw busy();
    await this.undo.undo(ticket._id);
    return true;
  }

  /** Ends the completions that run; their tickets are open again. */
  stop(): void {
    this.stopping.abort(new AppError('STORAGE_UNAVAILABLE', 'The service stops; complete the upload again.'));
  }

  private async completeOnce(
    viewer: Viewer,
    id: string,
    sent: readonly number[] | null,
    signal: AbortSignal,
  ): Promise<StoredFile> {
    const found = await this.find(viewer, id, UploadStatus.COMPLETED);
    if (found.uploadStatus === UploadStatus.COMPLETED) return present(found);
    if (found.direct.expiresAt <= new Date()) throw new AppError('GONE', 'The upload’s time is over.');
    if (sent) requireAll(sent, found.direct.keys.length);
    const uploadKey = this.keyOf(found);
    const key = newBlobKey();
    const ticket = await this.seize(found, key);
    const source = this.stores.of(ticket.direct);
    const spans = spansOf(ticket.direct);
    try {
      await requireParts(source, spans, signal);
    } catch (error) {
      await this.undo.reopen(ticket._id, { key, blob: undefined });
      throw error;
    }
    const { _id, userId, direct } = ticket;
    const written = await this.run.take({
      file: _id,
      owner: userId,
      key,
      source: joinedParts(source, spans, uploadKey),
      declaredType: direct.declaredType,
      sha256: direct.sha256,
      reservation: new Reservation(this.usage, userId, _id, direct.fileSize),
      registered: Promise.resolve(),
      tidyBy: direct.expiresAt,
      signal,
      giveUp: (error, remains) => this.giveUp(ticket, error, remains, signal),
    });
    await this.undo.tidy(_id);
    return withId({ ...ticket, ...written } as StoredFile);
  }

  private keyOf({ _id, direct: { encryption } }: Ticket): KeyObject | null {
    return encryption ? this.keys.unwrap(encryption, { kind: 'upload', id: _id }) : null;
  }

  private giveUp({ _id }: Ticket, error: unknown, remains: UploadRemains, signal: AbortSignal) {
    // It is a file in quarantine: only its parts have to go.
    if (hasCode(error, 'INFECTED')) return this.undo.tidy(_id);
    const isFinal = !signal.aborted && error instanceof AppError && FINAL.includes(error.code);
    return isFinal ? this.undo.undo(_id, remains) : this.undo.reopen(_id, remains);
  }

  /** The viewer’s ticket that waits, or that is in this status; CONFLICT while it is in another one that passes. */
  private async find(viewer: Viewer, id: string, status?: UploadStatus): Promise<Ticket> {
    const _id = parseId(id);
    const found =
      _id &&
      (await this.files
        .findOne({ _id, userId: viewer.userId, purgingAt: { $exists: false } })
        .select('+direct +uploadKey')
        .lean());
    if (found && status && found.uploadStatus === status) return found as Ticket;
    if (!found?.direct || found.blob) {
      if (found?.uploadStatus === UploadStatus.COMPLETED) throw busy();
      throw noTicket();
    }
    if (found.uploadStatus === UploadStatus.PENDING) return found as Ticket;
    // FAILED with a key: a completion that failed is just being undone.
    if (found.uploadKey) throw busy();
    throw noTicket();
  }

  /** Begins the one completion that may run. */
  private async seize({ _id }: Ticket, uploadKey: string): Promise<Ticket> {
    const { provider, location } = this.stores.primary;
    const where = { storageProvider: provider as StoredFile['storageProvider'], storageLocation: location };
    const taken = await this.files
      .findOneAndUpdate(
        { _id, uploadStatus: UploadStatus.PENDING },
        { $set: { uploadStatus: UploadStatus.UPLOADING, heartbeatAt: new Date(), uploadKey, ...where } },
        { returnDocument: 'after' },
      )
      .select('+direct')
      .lean();
    if (!taken) throw busy();
    return taken as Ticket;
  }
}

function requireAll(sent: readonly number[], count: number): void {
  const numbers = new Set(sent);
  const isAll = numbers.size === sent.length && sent.length === count;
  if (isAll && sent.every((number) => number >= 1 && number <= count)) return;
  throw new AppError('BAD_USER_INPUT', `parts must name each of the ${count} parts once.`, {
    issues: [{ field: 'parts', message: `must be the numbers from 1 to ${count}, each once` }],
  });
}

/** What it became, as it may be seen now. */
function present(file: StoredFile): StoredFile {
  if (!file.isDeleted && file.expiryDate && file.expiryDate <= new Date()) {
    throw new AppError('GONE', 'The file has expired.');
  }
  return withId(file);
}

const noTicket = () => new AppError('NOT_FOUND', 'There is no such upload.');

const busy = () =>
  new AppError('CONFLICT', 'The upload is being completed, or was.', { retryAfter: RETRY_SECONDS });
