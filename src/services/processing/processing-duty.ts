import { AppError, hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { KEPT } from '../copies/kept-blobs.ts';
import type { Leases } from '../leases.ts';
import { NOT_INFECTED } from '../scanning/judgement.ts';
import type { ContentMaker, Made } from './content-maker.ts';
import type { Findings, PreviewPlaces } from './preview-places.ts';
import type { ToldFiles } from './told-files.ts';
import { processingTold } from './told-processing.ts';

/** How processing of one content ended for now. */
export type ProcessingOutcome = 'completed' | 'failed' | 'again';

/** Told of each content that was processed, or tried to be. */
export interface ProcessingObserver {
  ended(blob: ObjectId, outcome: ProcessingOutcome, seconds: number, error?: unknown): void;
}

const MOST_TRIES = 3;
const FIRST_DELAY_MS = 10_000;
// Another node is at it, or the store does not answer: no fault of the content’s.
const PATIENCE_MS = 30_000;
const MOST_REASON = 500;
const DIED = 'The service ended each time while it was processed.';

/**
 * Processes one content: at most one node at a time does, and what became of it is one step on the blob, after which its
 * files are told. It never rejects for what is wrong with a content.
 */
export class ProcessingDuty {
  private readonly blobs: Collections['blobs'];
  private readonly files: ToldFiles;
  private readonly places: PreviewPlaces;
  private readonly maker: ContentMaker;
  private readonly leases: Leases;
  private readonly observer: ProcessingObserver;
  private readonly timeoutMs: number;
  private readonly delayMs: number;

  /** A content whose processing takes longer than `timeoutMs` is given up; the first retry comes after `delayMs`. */
  constructor(parts: {
    blobs: Collections['blobs'];
    files: ToldFiles;
    places: PreviewPlaces;
    maker: ContentMaker;
    leases: Leases;
    observer: ProcessingObserver;
    timeoutMs: number;
    delayMs?: number;
  }) {
    this.blobs = parts.blobs;
    this.files = parts.files;
    this.places = parts.places;
    this.maker = parts.maker;
    this.leases = parts.leases;
    this.observer = parts.observer;
    this.timeoutMs = parts.timeoutMs;
    this.delayMs = parts.delayMs ?? FIRST_DELAY_MS;
  }

  /**
   * Does what there is to do for the content; resolves with null once nothing is left, else with the milliseconds after
   * which to come again. An aborted signal ends it soon: it is then to be begun anew by whoever comes next.
   */
  async attend(id: ObjectId, signal: AbortSignal): Promise<number | null> {
    const name = `process ${id.toHexString()}`;
    const held = await this.leases.hold(name, async (lost) => ({ inMs: await this.work(id, lost) }), signal);
    return held ? held.inMs : PATIENCE_MS;
  }

  private async work(id: ObjectId, signal: AbortSignal): Promise<number | null> {
    const file = await this.files.waiting(id);
    const blob = file && (await this.blobs.findOne({ _id: id, $and: [KEPT, NOT_INFECTED] }).lean<Blob>());
    // One that waits for a scan, or whose files wait for nothing, is no work; the look finds it once it is.
    if (!blob || blob.lostAt) return null;
    const known = processingTold(blob, file.mimeType);
    if (known.processingStatus !== 'PENDING') {
      await this.files.end(id, known);
      return null;
    }
    // Counted before it begins: what brings the whole process down must not do so for ever.
    const tries = await this.begin(id);
    const began = performance.now();
    const ended = (outcome: ProcessingOutcome, error?: unknown) =>
      this.observer.ended(id, outcome, (performance.now() - began) / 1000, error);
    try {
      if (tries > MOST_TRIES) throw new Error(DIED);
      await this.files.begin(id);
      const failure = await this.process(blob, file.mimeType, signal);
      ended(failure ? 'failed' : 'completed', failure?.reason);
      return null;
    } catch (error) {
      const inMs = await this.fail({ blob, mimeType: file.mimeType, tries }, error, signal);
      ended(inMs === null ? 'failed' : 'again', error);
      return inMs;
    }
  }

  private async process(blob: Blob, mimeType: string, signal: AbortSignal): Promise<Findings['failure']> {
    const late = AbortSignal.timeout(this.timeoutMs);
    const bounded = AbortSignal.any([signal, late]);
    const made = await orAborted(this.maker.make(blob, mimeType, bounded), bounded).catch((error) => {
      // Whatever an abort looks like where it arrives, this is what it was.
      if (late.aborted && !signal.aborted) throw new TooSlow(this.timeoutMs);
      throw error;
    });
    const failure = failureOf(made);
    const previews = await this.places.store(blob, made.pictures, signal);
    const findings = { previews, metadata: made.metadata, failure };
    if (!(await this.places.record(blob, findings))) {
      await this.places.discard(blob, previews);
      throw new AppError('CONFLICT', 'The blob has changed while it was processed.');
    }
    await this.tell(blob._id, mimeType);
    return failure;
  }

  /** Milliseconds until the next try; null when it is given up, or is nobody’s business any more. */
  private async fail(
    { blob, mimeType, tries }: { blob: Blob; mimeType: string; tries: number },
    error: unknown,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { _id } = blob;
    const isOurs = signal.aborted || hasCode(error, 'STORAGE_UNAVAILABLE') || hasCode(error, 'CONFLICT');
    if (isOurs) {
      await this.blobs.updateOne({ _id }, { $inc: { processingTries: -1 } });
      await this.files.giveBack(_id);
      return signal.aborted ? 0 : PATIENCE_MS;
    }
    if (tries < MOST_TRIES) {
      await this.files.giveBack(_id);
      return this.delayMs * 2 ** (tries - 1);
    }
    const failure = { at: new Date(), told: toldOf(error), reason: reasonOf(error) };
    await this.places.record(blob, { previews: [], metadata: blob.metadata ?? null, failure });
    await this.tell(_id, mimeType);
    return null;
  }

  private async begin(_id: ObjectId): Promise<number> {
    const begun = await this.blobs
      .findOneAndUpdate({ _id }, { $inc: { processingTries: 1 } }, { returnDocument: 'after' })
      .lean<Blob>();
    return begun?.processingTries ?? 1;
  }

  private async tell(id: ObjectId, mimeType: string): Promise<void> {
    const now = await this.blobs.findById(id).lean<Blob>();
    if (!now) return;
    const told = processingTold(now, mimeType);
    if (told.processingStatus !== 'PENDING') await this.files.end(id, told);
  }
}

class TooSlow extends Error {
  constructor(milliseconds: number) {
    super(`Processing took longer than ${milliseconds / 1000} seconds.`);
  }
}

function failureOf({ refused }: Made): Findings['failure'] {
  return refused === null ? null : { at: new Date(), told: refused, reason: refused };
}

/** What everybody may read of it who may see the file. */
function toldOf(error: unknown): string {
  if (error instanceof AppError || error instanceof TooSlow) return error.message;
  return 'It could not be processed.';
}

const reasonOf = (error: unknown) =>
  (error instanceof Error ? error.message || error.name : String(error)).slice(0, MOST_REASON);

/** The same, or a rejection with the signal’s reason, even where the work does not hear of it. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
