import type { KeyObject } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Stores } from '../../blobs/stores.ts';
import { Encryptor } from '../../encryption/encryptor.ts';
import { cipherSize } from '../../encryption/segments.ts';
import { AppError } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Verdict } from '../../scanning/scanner.ts';
import type { BlobReferences } from '../copies/blob-references.ts';
import type { ContentKeys } from '../copies/content-keys.ts';
import { completion } from '../files/file-drafts.ts';
import type { Ledger } from '../ledger.ts';
import type { UploadNotes } from '../live/upload-states.ts';
import { isToBeProcessed } from '../processing/told-processing.ts';
import type { WantedProcessing } from '../processing/wanted-processing.ts';
import type { Reservation } from '../quota.ts';
import type { UploadScan } from '../scanning/upload-scan.ts';
import type { ScannedReference, UploadScanning } from '../scanning/upload-scanning.ts';
import { type IntakeResult, type IntakeRules, UploadIntake } from './upload-intake.ts';
import type { UploadRecords } from './upload-records.ts';
import { NothingNew, requireSameHash, takenForDead } from './upload-refusals.ts';
import type { UploadRemains } from './upload-undo.ts';

/** Told about each upload as it begins and ends, for metrics. */
export interface UploadObserver {
  began(): void;
  /** Bytes have come in. */
  received(bytes: number): void;
  ended(outcome: 'completed' | 'failed', bytes: number): void;
}

/** A content that is about to come in, and the document that waits for it. */
export interface RunningUpload {
  readonly file: ObjectId;
  readonly owner: ObjectId;
  /** The new key that the bytes are written under. */
  readonly key: string;
  readonly source: Readable;
  readonly declaredType: string;
  /** Where other rules hold than for all. */
  readonly rules?: IntakeRules;
  /** Hex SHA-256 that the content must have. */
  readonly sha256: string | null | undefined;
  readonly reservation: Reservation;
  /** No byte goes on before it resolves: the document that tells of them comes first. */
  readonly registered: Promise<unknown>;
  /** When what it leaves beside the blob is to be gone, where it leaves something. */
  readonly tidyBy?: Date;
  /** Told how it comes along, where somebody may want to know. */
  readonly notes?: UploadNotes | null;
  readonly signal: AbortSignal;
  /**
   * Where its document does not become a file: makes the content that of one. Rejects with NothingNew where that has it
   * already, and then the run is given up without having failed.
   */
  readonly place?: (change: Change) => Promise<unknown>;
  /** Takes back what a failed run has done; it must not reject. */
  giveUp(error: unknown, remains: UploadRemains): Promise<unknown>;
}

/** A complete content, as it is written into a document. */
export type Change = ReturnType<typeof completion>;

/** What a run has written into the document. */
export type Completed = Change['set'];

const HEARTBEAT_MS = 30_000;

/** The one path from a stream to a COMPLETED file, wherever the stream comes from. */
export class UploadRun {
  private readonly records: UploadRecords;
  private readonly stores: Stores;
  private readonly references: BlobReferences;
  private readonly usage: Ledger;
  private readonly observer: UploadObserver;
  private readonly heartbeatMs: number;
  private readonly keys: ContentKeys;
  private readonly scanning: UploadScanning | null;
  private readonly processing: Pick<WantedProcessing, 'add'> | null;
  private readonly running = new Set<Promise<unknown>>();
  readonly rules: IntakeRules;

  constructor(parts: {
    records: UploadRecords;
    stores: Stores;
    references: BlobReferences;
    usage: Ledger;
    rules: IntakeRules;
    observer: UploadObserver;
    /** How often an upload shows that it lives. */
    heartbeatMs?: number;
    /** What contents are encrypted with. */
    keys: ContentKeys;
    /** What looks for viruses; without it nothing is said of them. */
    scanning?: UploadScanning;
    /** Is told which contents are to be processed; without it they are found later. */
    processing?: Pick<WantedProcessing, 'add'>;
  }) {
    this.records = parts.records;
    this.stores = parts.stores;
    this.references = parts.references;
    this.usage = parts.usage;
    this.rules = parts.rules;
    this.observer = parts.observer;
    this.heartbeatMs = parts.heartbeatMs ?? HEARTBEAT_MS;
    this.keys = parts.keys;
    this.scanning = parts.scanning ?? null;
    this.processing = parts.processing ?? null;
  }

  /** The same work, which `idle` then waits for. */
  async track<T>(work: Promise<T>): Promise<T> {
    this.running.add(work);
    try {
      return await work;
    } finally {
      this.running.delete(work);
    }
  }

  /** Resolves once no upload runs and nothing of one waits to be written. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
    await Promise.all([this.usage.settledAll(), this.references.ledger.settledAll()]);
  }

  /**
   * Streams the content into the store, checks it on its way and completes its document. Rejects with
   * PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, QUOTA_EXCEEDED, HASH_MISMATCH or STORAGE_UNAVAILABLE, or as the source
   * does; it is given up by then. Rejects with INFECTED once its document is a file in quarantine.
   */
  async take(upload: RunningUpload): Promise<Completed> {
    const { file, owner, key, reservation } = upload;
    const scan = this.scanning?.begin(owner) ?? null;
    const intake = new UploadIntake({
      scan,
      rules: upload.rules ?? this.rules,
      declaredType: upload.declaredType,
      reservation,
      registered: upload.registered,
      onBytes: (bytes) => {
        this.observer.received(bytes);
        upload.notes?.received(bytes);
      },
    });
    // The intake asks for it only once bytes have come, which may be much later than Node would take it for unheard.
    upload.registered.catch((error) => intake.destroy(error));
    const dataKey = this.keys.newKey();
    let blob: Blob | undefined;
    this.observer.began();
    try {
      const result = await this.receive(upload, intake, dataKey, scan);
      requireSameHash(upload.sha256, result.hash);
      const content = { ...result, key, dataKey };
      const reference = (await this.scanning?.refer(content, file, result.verdict)) ?? {
        blob: await this.references.acquire(content, file),
        told: {},
      };
      blob = reference.blob;
      const written = await this.complete(upload, result, reference);
      this.references.ledger.settleSoon(blob._id, file);
      if (reservation.bytes === result.size) this.usage.settleSoon(owner, file);
      else await this.usage.settle(owner, file, result.size);
      if (written instanceof AppError) throw written;
      this.observer.ended('completed', result.size);
      if (isToBeProcessed(written)) this.processing?.add(blob._id);
      await upload.notes?.stored(result.size);
      return written;
    } catch (error) {
      upload.source.destroy();
      this.observer.ended(error instanceof NothingNew ? 'completed' : 'failed', intake.received);
      // A write that is still under way would come back to life what the undo takes away.
      await Promise.allSettled([upload.registered, reservation.idle()]);
      await upload.giveUp(error, { key, blob: blob?._id });
      if (error instanceof NothingNew) await upload.notes?.stored(intake.received);
      else await upload.notes?.failed(error, upload.signal);
      throw error;
    }
  }

  private async receive(
    upload: RunningUpload,
    intake: UploadIntake,
    dataKey: KeyObject | null,
    scan: UploadScan | null,
  ): Promise<IntakeResult & { verdict: Verdict | null }> {
    const { file, key, source, signal } = upload;
    let aliveAt = Date.now();
    const beat = async () => {
      const at = Date.now();
      if (!(await this.records.beat(file))) throw takenForDead();
      aliveAt = at;
    };
    const heartbeat = setInterval(() => {
      beat().catch((error) => error instanceof AppError && intake.destroy(error));
    }, this.heartbeatMs);
    try {
      const { maxFileSize } = this.rules;
      const sealed = dataKey && new Encryptor(dataKey);
      const atMost = sealed ? cipherSize(maxFileSize) : maxFileSize;
      const stored = this.stores.primary.put(key, sealed ?? intake, { signal, atMost });
      // A store that fails stops reading; the source must hear of it or it would wait for ever.
      stored.catch((error) => intake.destroy(error));
      const ends = await Promise.allSettled([
        stored,
        pipeline([source, intake, ...(sealed ? [sealed] : [])], { signal }),
      ]);
      const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
      // Whichever end broke, the other one fails too, but only the first knows why.
      if (failures.length > 0) throw failures.find((error) => error instanceof AppError) ?? failures[0];
      if (scan) upload.notes?.scanning();
      const verdict = scan && (await scan.end(signal));
      // Who takes it for dead deletes its bytes, which no blob may name by then.
      if (Date.now() - aliveAt > this.heartbeatMs) await beat();
      return { ...intake.result(), verdict };
    } finally {
      scan?.destroy();
      clearInterval(heartbeat);
    }
  }

  /** What was written, or, once it is a file in quarantine, the refusal. */
  private async complete(
    { file, tidyBy, place }: RunningUpload,
    result: IntakeResult,
    { blob, told }: ScannedReference,
  ): Promise<Completed | AppError> {
    const change = completion(result, blob, tidyBy);
    if (!told) {
      const refusal = await this.scanning?.putAway(file, change, blob);
      if (!refusal) throw takenForDead();
      return refusal;
    }
    const set = { ...change.set, ...told };
    if (place) await place({ ...change, set });
    else if (!(await this.records.complete(file, { ...change, set }))) throw takenForDead();
    return set;
  }
}
