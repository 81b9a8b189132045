import { addAbortSignal } from 'node:stream';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Scanner, Verdict } from '../../scanning/scanner.ts';
import { atOnce } from '../at-once.ts';
import type { BlobReader } from '../copies/blob-reader.ts';
import { backOff } from '../copies/copy-duty.ts';
import type { Throttle } from '../copies/throttle.ts';
import type { BlobVerdicts } from './blob-verdicts.ts';
import { isInfected } from './judgement.ts';
import type { ScanObserver } from './upload-scanning.ts';

/** Told of each stored content that was scanned or could not be. */
export interface ScanDutyObserver extends ScanObserver {
  failed(blob: ObjectId, error: unknown, again: { tries: number; inMs: number }): void;
}

const AT_ONCE = 2;
const BATCH = 50;
/** As far as what is out of date is counted. */
export const MOST_COUNTED = 10_000;

/**
 * Scans what is stored: first what waits for it, then what no scanner has seen, and what one saw with other signatures
 * than today’s. Which that is the blobs themselves say, so that a restart resumes; one job on one node at a time.
 */
export class ScanDuty {
  private readonly blobs: Collections['blobs'];
  private readonly verdicts: BlobVerdicts;
  private readonly reader: BlobReader;
  private readonly scanner: Scanner | null;
  private readonly throttle: Throttle;
  private readonly observer: ScanDutyObserver;

  /** Without a scanner it only finishes what was begun with one. */
  constructor(parts: {
    blobs: Collections['blobs'];
    verdicts: BlobVerdicts;
    reader: BlobReader;
    scanner: Scanner | null;
    throttle: Throttle;
    observer: ScanDutyObserver;
  }) {
    this.blobs = parts.blobs;
    this.verdicts = parts.verdicts;
    this.reader = parts.reader;
    this.scanner = parts.scanner;
    this.throttle = parts.throttle;
    this.observer = parts.observer;
  }

  /** How many contents wait for a scan, or for their files to be told. */
  waitingCount(): Promise<number> {
    return this.blobs.countDocuments({ scanDueAt: { $gt: new Date(0) } });
  }

  /** How many contents today’s scanner has not been shown; NaN while it does not answer. */
  async outdatedCount(): Promise<number> {
    const engine = await this.engine();
    if (engine === null) return Number.NaN;
    return this.blobs.countDocuments(outdated(engine), { limit: MOST_COUNTED });
  }

  /** Whether there is anything to do now. */
  async isNeeded(): Promise<boolean> {
    return (await this.next(await this.engine(), 1)).length > 0;
  }

  /** Looks at everything that is due, a few contents at once; resolves with how many there were, failures included. */
  async run(signal: AbortSignal): Promise<number> {
    let dealtWith = 0;
    for (;;) {
      signal.throwIfAborted();
      const engine = await this.engine();
      const batch = await this.next(engine, BATCH);
      if (batch.length === 0) return dealtWith;
      const attend = ({ _id }: Pick<Blob, '_id'>) => this.attend(_id, engine, signal);
      for await (const _done of atOnce(AT_ONCE, batch, attend)) {
        signal.throwIfAborted();
        dealtWith += 1;
      }
    }
  }

  /** What the scanner is today; null without one, and while it does not answer: then nothing can be scanned. */
  private async engine(): Promise<string | null> {
    return this.scanner ? this.scanner.engine().catch(() => null) : null;
  }

  private async next(engine: string | null, most: number): Promise<Pick<Blob, '_id'>[]> {
    const due = { scanDueAt: { $lte: new Date() }, ...(engine === null && { isVerdictUntold: true }) };
    const found = await this.blobs.find(due, { _id: 1 }).sort({ scanDueAt: 1 }).limit(most).lean();
    if (found.length > 0 || engine === null) return found;
    // Contents that never were scanned come first, since the index begins with them.
    return this.blobs.find(outdated(engine), { _id: 1 }).limit(most).lean();
  }

  private async attend(id: ObjectId, engine: string | null, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const blob = await this.verdicts.find(id);
    if (!blob) return;
    if (blob.isVerdictUntold) return this.verdicts.tell(id);
    if (engine === null || isInfected(blob)) return;
    try {
      const verdict = blob.size === 0 ? ({ kind: 'clean', engine } as const) : await this.scan(blob, signal);
      this.observer.judged(verdict);
      await this.settle(blob, verdict, engine);
    } catch (error) {
      signal.throwIfAborted();
      const tries = (blob.scanTries ?? 0) + 1;
      const inMs = backOff(tries - 1);
      await this.verdicts.putOff(blob, inMs);
      this.observer.failed(id, error, { tries, inMs });
    }
  }

  private async settle(blob: Blob, verdict: Verdict, engine: string): Promise<void> {
    const judgement = await this.verdicts.judge(blob, verdict);
    if (judgement.kind !== 'unjudged') return this.verdicts.record(blob, judgement);
    if (judgement.cause === 'unavailable') throw new Error(verdict.kind === 'unable' ? verdict.reason : '');
    await this.verdicts.recordUnscannable(blob, engine);
  }

  private async scan(blob: Blob, signal: AbortSignal): Promise<Verdict> {
    const scan = (this.scanner as Scanner).scan('the service');
    const giveUp = () => scan.destroy();
    signal.addEventListener('abort', giveUp);
    try {
      for await (const chunk of addAbortSignal(signal, await this.reader.open(blob))) {
        await this.throttle.take(chunk.length, signal);
        await scan.write(chunk);
        if (scan.failed) break;
      }
      const verdict = await scan.end();
      signal.throwIfAborted();
      return verdict;
    } finally {
      signal.removeEventListener('abort', giveUp);
      scan.destroy();
    }
  }
}

// What has files, shared by uploads or not, unless it is infected: that is what somebody may be served.
const outdated = (engine: string) => ({
  refCount: { $gt: 0 },
  threat: { $exists: false },
  scannedFor: { $ne: engine },
  scanDueAt: { $exists: false },
});
