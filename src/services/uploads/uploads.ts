import type { Readable } from 'node:stream';
import { newBlobKey } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import type { Collections } from '../../models/collections.ts';
import type { StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import { requireVerified } from '../access.ts';
import type { AccountWatch } from '../accounts/account-watch.ts';
import { draftOf, type UploadFacts } from '../files/file-drafts.ts';
import type { FilePlaces } from '../folders/file-places.ts';
import type { Ledger } from '../ledger.ts';
import type { FileEvents } from '../live/file-events.ts';
import type { UploadStates } from '../live/upload-states.ts';
import { Reservation, remainingBytes } from '../quota.ts';
import type { RunsFor, Viewer } from '../viewer.ts';
import type { Destination } from './destination.ts';
import { type NarrowerRules, narrowed } from './upload-intake.ts';
import type { UploadRecords } from './upload-records.ts';
import type { UploadRun } from './upload-run.ts';
import type { UploadUndo } from './upload-undo.ts';

/** A part of a request that will bring a file; nothing of it is read before `open`. */
export interface IncomingFile {
  /** Waits for the part to arrive; rejects with BAD_USER_INPUT when the request ends without it. */
  open(): Promise<IncomingContent>;
}

/** A file on its way in. The stream fails when the client goes away. */
export interface IncomingContent {
  readonly filename: string;
  readonly mimeType: string;
  readonly stream: Readable;
}

/** Takes in the files that requests bring. */
export class UploadService {
  private readonly users: Collections['users'];
  private readonly records: UploadRecords;
  private readonly stores: Stores;
  private readonly usage: Ledger;
  private readonly undo: UploadUndo;
  private readonly run: UploadRun;
  private readonly watch: AccountWatch;
  private readonly states: Pick<UploadStates, 'of'> | null;
  private readonly events: Pick<FileEvents, 'tell'> | null;
  private readonly places: Pick<FilePlaces, 'settle'> | null;
  private readonly needsVerifiedEmail: boolean;

  constructor(parts: {
    collections: Pick<Collections, 'users'>;
    records: UploadRecords;
    stores: Stores;
    usage: Ledger;
    undo: UploadUndo;
    run: UploadRun;
    watch: AccountWatch;
    /** Where uploads that have a name are noted. */
    states?: Pick<UploadStates, 'of'>;
    events?: Pick<FileEvents, 'tell'>;
    /** Looks after the folders that files are put into. */
    places?: Pick<FilePlaces, 'settle'>;
    /** Whether only accounts that verified their address may upload. */
    needsVerifiedEmail?: boolean;
  }) {
    this.users = parts.collections.users;
    this.records = parts.records;
    this.stores = parts.stores;
    this.usage = parts.usage;
    this.undo = parts.undo;
    this.run = parts.run;
    this.watch = parts.watch;
    this.states = parts.states ?? null;
    this.events = parts.events ?? null;
    this.places = parts.places ?? null;
    this.needsVerifiedEmail = parts.needsVerifiedEmail ?? false;
  }

  /** Lets pass who may upload, as far as the account alone decides; else FORBIDDEN. */
  requireMay(viewer: Viewer): void {
    requireVerified(viewer, this.needsVerifiedEmail);
  }

  /** Bytes the viewer may still store; Infinity without a quota. */
  remainingBytes({ userId }: Pick<Viewer, 'userId'>): Promise<number> {
    return remainingBytes(this.users, userId);
  }

  /**
   * Streams one file into the store and resolves with it once it is COMPLETED; memory stays bounded whatever its size.
   * Rejects with PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, QUOTA_EXCEEDED, HASH_MISMATCH or STORAGE_UNAVAILABLE, and
   * with UNAUTHENTICATED when the account, the session or the key ends meanwhile, and
   * then nothing of it is left: no document, no bytes, no reserved quota. Who may put files where has been asked before.
   */
  async upload(
    viewer: Viewer,
    incoming: IncomingFile,
    facts: UploadFacts,
    signal: AbortSignal,
    to: Destination = { owner: viewer.userId, folder: null },
  ): Promise<StoredFile> {
    this.requireMay(viewer);
    return this.receive(viewer, incoming, facts, signal, to);
  }

  /**
   * The same on behalf of an account that was asked about before, whoever sends the bytes, by rules that may be narrower
   * than the service’s.
   */
  receive(
    by: RunsFor,
    incoming: IncomingFile,
    facts: UploadFacts,
    signal: AbortSignal,
    to: Destination,
    narrower?: NarrowerRules,
  ): Promise<StoredFile> {
    return this.watch.run(by, signal, async (signal) => {
      const content = await unlessAborted(incoming.open(), signal);
      return this.run.track(this.take(by, to, content, facts, signal, narrower));
    });
  }

  /** Resolves once no upload runs and nothing of one waits to be written. */
  idle(): Promise<void> {
    return this.run.idle();
  }

  private async take(
    { userId }: RunsFor,
    to: Destination,
    content: IncomingContent,
    facts: UploadFacts,
    signal: AbortSignal,
    narrower?: NarrowerRules,
  ): Promise<StoredFile> {
    const key = newBlobKey();
    const draft = draftOf(to, content.filename, facts, this.stores.primary, key);
    const notes = this.states?.of({ userId, file: draft._id }, facts.clientUploadId) ?? null;
    const written = await this.run.take({
      file: draft._id,
      owner: to.owner,
      key,
      source: content.stream,
      declaredType: content.mimeType,
      sha256: facts.sha256,
      ...(narrower && { rules: narrowed(this.run.rules, narrower) }),
      reservation: new Reservation(this.usage, to.owner, draft._id),
      registered: Promise.all([this.records.insert(draft), notes?.begin()]),
      notes,
      signal,
      giveUp: (_error, remains) => this.undo.undo(draft._id, remains),
    });
    const state = await this.places?.settle(draft);
    const file = { ...draft, ...written, ...state, id: draft._id.toHexString() } as unknown as StoredFile;
    void this.events?.tell(FileChangeKind.CREATED, file);
    return file;
  }
}

/** The work, or the signal’s reason as soon as it is aborted: a part that is to come may never do so. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  });
}
