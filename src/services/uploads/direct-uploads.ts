import type { KeyObject } from 'node:crypto';
import { newBlobKey } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { AppError, type ErrorCode, hasCode } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import { ObjectId } from '../../models/object-id.ts';
import { requireVerified } from '../access.ts';
import type { AccountWatch } from '../accounts/account-watch.ts';
import type { ContentKeys } from '../copies/content-keys.ts';
import type { FilePlaces } from '../folders/file-places.ts';
import type { Ledger } from '../ledger.ts';
import type { FileEvents } from '../live/file-events.ts';
import type { UploadStates } from '../live/upload-states.ts';
import { Reservation } from '../quota.ts';
import type { HeldPermissions } from '../sharing/permissions/held-permissions.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import type { Destination } from './destination.ts';
import { busy, OpenTickets, type Ticket } from './open-tickets.ts';
import { joinedParts, requireParts, spansOf } from './ticket-parts.ts';
import type { AnnouncedUpload, Tickets, UploadTicket } from './tickets.ts';
import type { UploadRun } from './upload-run.ts';
import type { UploadRemains, UploadUndo } from './upload-undo.ts';

// Trying again with the same bytes would end the same way.
const FINAL: readonly ErrorCode[] = [
  'BAD_USER_INPUT',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'HASH_MISMATCH',
  'QUOTA_EXCEEDED',
];

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
  private readonly open: OpenTickets;
  private readonly needsVerifiedEmail: boolean;
  private readonly keys: ContentKeys;
  private readonly states: Pick<UploadStates, 'of'> | null;
  private readonly events: Pick<FileEvents, 'tell'> | null;
  private readonly places: Pick<FilePlaces, 'settle'> | null;
  private readonly stopping = new AbortController();

  constructor(parts: {
    collections: Pick<Collections, 'files'>;
    stores: Stores;
    usage: Ledger;
    undo: UploadUndo;
    run: UploadRun;
    watch: AccountWatch;
    tickets: Tickets;
    /** What people may do with what is others’. */
    access: Pick<HeldPermissions, 'require'>;
    /** Whether only accounts that verified their address may upload. */
    needsVerifiedEmail?: boolean;
    keys: ContentKeys;
    /** Where uploads that have a name are noted. */
    states?: Pick<UploadStates, 'of'>;
    events?: Pick<FileEvents, 'tell'>;
    /** Looks after the folders that files are put into. */
    places?: Pick<FilePlaces, 'settle'>;
  }) {
    this.files = parts.collections.files;
    this.stores = parts.stores;
    this.usage = parts.usage;
    this.undo = parts.undo;
    this.run = parts.run;
    this.watch = parts.watch;
    this.tickets = parts.tickets;
    this.open = new OpenTickets(parts.collections.files, parts.access);
    this.places = parts.places ?? null;
    this.needsVerifiedEmail = parts.needsVerifiedEmail ?? false;
    this.keys = parts.keys;
    this.states = parts.states ?? null;
    this.events = parts.events ?? null;
  }

  /**
   * Announces a file and resolves with where to send its bytes; its size counts against the quota from then on. Rejects
   * with PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, QUOTA_EXCEEDED or, with too many open tickets, RATE_LIMITED.
   */
  async create(viewer: Viewer, announced: AnnouncedUpload, to?: Destination): Promise<UploadTicket> {
    requireVerified(viewer, this.needsVerifiedEmail);
    const ticket = await this.tickets.issue(viewer, announced, to);
    await this.noted(viewer, new ObjectId(ticket.id), announced.clientUploadId)?.begin(announced.fileSize);
    return ticket;
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
    const ticket = await this.open.find(viewer, id);
    const { modifiedCount } = await this.files.updateOne(
      { _id: ticket._id, uploadStatus: UploadStatus.PENDING },
      { $set: { uploadStatus: UploadStatus.CANCELLED } },
    );
    if (modifiedCount === 0) throw busy();
    await this.undo.undo(ticket._id);
    await this.noted(viewer, ticket._id, ticket.clientUploadId)?.cancelled();
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
    const found = await this.open.find(viewer, id, UploadStatus.COMPLETED);
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
    const noted = this.noted(viewer, _id, found.clientUploadId);
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
      notes:
        noted?.aTry((error) => hasCode(error, 'INFECTED') || isFinal(error, signal), direct.fileSize) ?? null,
      signal,
      giveUp: (error, remains) => this.giveUp(ticket, error, remains, signal),
    });
    await this.undo.tidy(_id);
    const state = await this.places?.settle(ticket);
    const file = withId({ ...ticket, ...written, ...state } as StoredFile);
    void this.events?.tell(FileChangeKind.CREATED, file);
    return file;
  }

  private noted({ userId }: Viewer, file: ObjectId, clientUploadId: string | null | undefined) {
    return this.states?.of({ userId, file }, clientUploadId) ?? null;
  }

  private keyOf({ _id, direct: { encryption } }: Ticket): KeyObject | null {
    return encryption ? this.keys.unwrap(encryption, { kind: 'upload', id: _id }) : null;
  }

  private giveUp({ _id }: Ticket, error: unknown, remains: UploadRemains, signal: AbortSignal) {
    // It is a file in quarantine: only its parts have to go.
    if (hasCode(error, 'INFECTED')) return this.undo.tidy(_id);
    return isFinal(error, signal) ? this.undo.undo(_id, remains) : this.undo.reopen(_id, remains);
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

const isFinal = (error: unknown, signal: AbortSignal) =>
  !signal.aborted && error instanceof AppError && FINAL.includes(error.code);

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
