import type { Readable } from 'node:stream';
import { newBlobKey } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import type { Collections } from '../../models/collections.ts';
import type { StoredFile } from '../../models/file.ts';
import { requireVerified } from '../access.ts';
import type { AccountWatch } from '../accounts/account-watch.ts';
import { draftOf, type UploadFacts } from '../files/file-drafts.ts';
import type { Ledger } from '../ledger.ts';
import { Reservation, remainingBytes } from '../quota.ts';
import type { Viewer } from '../viewer.ts';
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
  private readonly needsVerifiedEmail: boolean;

  constructor(parts: {
    collections: Pick<Collections, 'users'>;
    records: UploadRecords;
    stores: Stores;
    usage: Ledger;
    undo: UploadUndo;
    run: UploadRun;
    watch: AccountWatch;
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
    this.needsVerifiedEmail = parts.needsVerifiedEmail ?? false;
  }

  /** Lets pass who may upload, as far as the account alone decides; else FORBIDDEN. */
  requireMay(viewer: Viewer): void {
    requireVerified(viewer, this.needsVerifiedEmail);
  }

  /** Bytes the viewer may still store; Infinity without a quota. */
  remainingBytes(viewer: Viewer): Promise<number> {
    return remainingBytes(this.users, viewer.userId);
  }

  /**
   * Streams one file into the store and resolves with it once it is COMPLETED; memory stays bounded whatever its size.
   * Rejects with PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, QUOTA_EXCEEDED, HASH_MISMATCH or STORAGE_UNAVAILABLE, and
   * with UNAUTHENTICATED when the account, the session or the key ends meanwhile, and
   * then nothing of it is left: no document, no bytes, no reserved quota.
   */
  async upload(
    viewer: Viewer,
    incoming: IncomingFile,
    facts: UploadFacts,
    signal: AbortSignal,
  ): Promise<StoredFile> {
    this.requireMay(viewer);
    return this.watch.run(viewer, signal, async (signal) => {
      const content = await unlessAborted(incoming.open(), signal);
      return this.run.track(this.take(viewer, content, facts, signal));
    });
  }

  /** Resolves once no upload runs and nothing of one waits to be written. */
  idle(): Promise<void> {
    return this.run.idle();
  }

  private async take(
    viewer: Viewer,
    content: IncomingContent,
    facts: UploadFacts,
    signal: AbortSignal,
  ): Promise<StoredFile> {
    const key = newBlobKey();
    const draft = draftOf(viewer.userId, content.filename, facts, this.stores.primary, key);
    const written = await this.run.take({
      file: draft._id,
      owner: viewer.userId,
      key,
      source: content.stream,
      declaredType: content.mimeType,
      sha256: facts.sha256,
      reservation: new Reservation(this.usage, viewer.userId, draft._id),
      registered: this.records.insert(draft),
      signal,
      giveUp: (_error, remains) => this.undo.undo(draft._id, remains),
    });
    return { ...draft, ...written, id: draft._id.toHexString() } as unknown as StoredFile;
  }
}

/** The work, or the signal’s reason as soon as it is aborted: a part that is to come may never do so. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  });
}
