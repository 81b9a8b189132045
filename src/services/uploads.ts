import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { newBlobKey } from '../blobs/blob-store.ts';
import type { Stores } from '../blobs/stores.ts';
import { AppError } from '../errors.ts';
import type { Blob } from '../models/blob.ts';
import type { Collections } from '../models/collections.ts';
import type { StoredFile } from '../models/file.ts';
import type { BlobReferences } from './blob-references.ts';
import { completion, draftOf, type FileDraft, type UploadFacts } from './file-drafts.ts';
import type { Ledger } from './ledger.ts';
import { Reservation, remainingBytes } from './quota.ts';
import { type IntakeResult, type IntakeRules, UploadIntake } from './upload-intake.ts';
import { UploadRecords } from './upload-records.ts';
import type { UploadUndo } from './upload-undo.ts';
import type { Viewer } from './viewer.ts';

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

/** Told about each upload as it begins and ends, for metrics. */
export interface UploadObserver {
  began(): void;
  /** Bytes have come in. */
  received(bytes: number): void;
  ended(outcome: 'completed' | 'failed', bytes: number): void;
}

const HEARTBEAT_MS = 30_000;

/** Takes files in: the one path from a client’s stream to a COMPLETED file. */
export class UploadService {
  private readonly users: Collections['users'];
  private readonly records: UploadRecords;
  private readonly stores: Stores;
  private readonly references: BlobReferences;
  private readonly usage: Ledger;
  private readonly undo: UploadUndo;
  private readonly rules: IntakeRules;
  private readonly observer: UploadObserver;
  private readonly running = new Set<Promise<StoredFile>>();

  constructor(parts: {
    collections: Pick<Collections, 'users' | 'files'>;
    stores: Stores;
    references: BlobReferences;
    usage: Ledger;
    undo: UploadUndo;
    rules: IntakeRules;
    observer: UploadObserver;
  }) {
    this.users = parts.collections.users;
    this.records = new UploadRecords(parts.collections.files);
    this.stores = parts.stores;
    this.references = parts.references;
    this.usage = parts.usage;
    this.undo = parts.undo;
    this.rules = parts.rules;
    this.observer = parts.observer;
  }

  /** Bytes the viewer may still store; Infinity without a quota. */
  remainingBytes(viewer: Viewer): Promise<number> {
    return remainingBytes(this.users, viewer.userId);
  }

  /**
   * Streams one file into the store and resolves with it once it is COMPLETED; memory stays bounded whatever its size.
   * Rejects with PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, QUOTA_EXCEEDED, HASH_MISMATCH or STORAGE_UNAVAILABLE, and
   * then nothing of it is left: no document, no bytes, no reserved quota.
   */
  async upload(
    viewer: Viewer,
    incoming: IncomingFile,
    facts: UploadFacts,
    signal: AbortSignal,
  ): Promise<StoredFile> {
    const content = await incoming.open();
    const upload = this.take(viewer, content, facts, signal);
    this.running.add(upload);
    try {
      return await upload;
    } finally {
      this.running.delete(upload);
    }
  }

  /** Resolves once no upload runs and nothing of one waits to be written. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
    await Promise.all([this.usage.settledAll(), this.references.ledger.settledAll()]);
  }

  private async take(
    viewer: Viewer,
    content: IncomingContent,
    facts: UploadFacts,
    signal: AbortSignal,
  ): Promise<StoredFile> {
    const draft = draftOf(viewer.userId, content.filename, facts, this.stores.primary, newBlobKey());
    const reservation = new Reservation(this.usage, viewer.userId, draft._id);
    const registered = this.records.insert(draft);
    const intake = new UploadIntake({
      rules: this.rules,
      declaredType: content.mimeType,
      reservation,
      registered,
      onBytes: (bytes) => this.observer.received(bytes),
    });
    // The intake asks for it only once bytes have come, which may be much later than Node would take it for unheard.
    registered.catch((error) => intake.destroy(error));
    let blob: Blob | undefined;
    this.observer.began();
    try {
      const result = await this.receive(content.stream, intake, draft, signal);
      requireSameHash(facts.sha256, result.hash);
      blob = await this.references.acquire({ ...result, key: draft.uploadKey }, draft._id);
      const file = await this.complete(draft, result, blob);
      this.references.ledger.settleSoon(blob._id, draft._id);
      if (reservation.bytes === result.size) this.usage.settleSoon(viewer.userId, draft._id);
      else await this.usage.settle(viewer.userId, draft._id, result.size);
      this.observer.ended('completed', result.size);
      return file;
    } catch (error) {
      content.stream.destroy();
      this.observer.ended('failed', intake.received);
      // A write that is still under way would come back to life what the undo takes away.
      await Promise.allSettled([registered, reservation.idle()]);
      await this.undo.undo(draft._id, { key: draft.uploadKey, blob: blob?._id });
      throw error;
    }
  }

  private async receive(
    source: Readable,
    intake: UploadIntake,
    draft: FileDraft,
    signal: AbortSignal,
  ): Promise<IntakeResult> {
    const alive = setInterval(() => this.records.beat(draft._id), HEARTBEAT_MS);
    try {
      const stored = this.stores.primary.put(draft.uploadKey, intake, {
        signal,
        atMost: this.rules.maxFileSize,
      });
      // A store that fails stops reading; the source must hear of it or it would wait for ever.
      stored.catch((error) => intake.destroy(error));
      const ends = await Promise.allSettled([stored, pipeline(source, intake, { signal })]);
      const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
      // Whichever end broke, the other one fails too, but only the first knows why.
      if (failures.length > 0) throw failures.find((error) => error instanceof AppError) ?? failures[0];
      return intake.result();
    } finally {
      clearInterval(alive);
    }
  }

  private async complete(draft: FileDraft, result: IntakeResult, blob: Blob): Promise<StoredFile> {
    const change = completion(result, blob);
    if (!(await this.records.complete(draft._id, change))) {
      throw new AppError('CONFLICT', 'The upload was given up as stale; send the file again.');
    }
    return { ...draft, ...change.set, id: draft._id.toHexString() } as unknown as StoredFile;
  }
}

function requireSameHash(expected: string | null | undefined, actual: string): void {
  if (expected && expected.toLowerCase() !== actual) {
    throw new AppError(
      'HASH_MISMATCH',
      `The content’s SHA-256 is ${actual}, not the one that was announced.`,
    );
  }
}
