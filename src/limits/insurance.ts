import type { Count, Counts, OpenCounts } from './counts.ts';
import { memoryCounts } from './library-counts.ts';

const PATIENCE_MS = 1_000;
const AVOID_MS = 1_000;
const LOG_EVERY_MS = 60_000;

/** Counts in memory while the server that keeps the counts cannot be asked: then each node limits by itself. */
export class Insurance {
  private readonly open: OpenCounts;
  private readonly failing: (error: unknown) => void;
  private avoidUntil = Number.NEGATIVE_INFINITY;
  private loggedAt = Number.NEGATIVE_INFINITY;

  /** `failing` hears of it once a minute at most. */
  constructor(open: OpenCounts, failing: (error: unknown) => void) {
    this.open = open;
    this.failing = failing;
  }

  /** The counts of a limit; they answer within a second, and never fail. */
  readonly counts: OpenCounts = (name, seconds) => {
    const shared = this.open(name, seconds);
    const own = memoryCounts(name, seconds);
    return {
      add: (key, points) => this.ask<Count>(shared, own, (counts) => counts.add(key, points)),
      look: (key) => this.ask<Count | null>(shared, own, (counts) => counts.look(key)),
      clear: async (key) => {
        await own.clear(key);
        await this.ask<void>(shared, own, (counts) => counts.clear(key));
      },
    };
  };

  /** Says, once a minute at most, that the server could not be asked. */
  failed(error: unknown): void {
    const now = performance.now();
    if (now - this.loggedAt < LOG_EVERY_MS) return;
    this.loggedAt = now;
    this.failing(error);
  }

  private async ask<T>(shared: Counts, own: Counts, work: (counts: Counts) => Promise<T>): Promise<T> {
    // One that did not answer in time is left alone for a moment, so that not every request waits for it.
    if (performance.now() < this.avoidUntil) return work(own);
    try {
      return await inTime(work(shared));
    } catch (error) {
      this.avoidUntil = performance.now() + AVOID_MS;
      this.failed(error);
      return work(own);
    }
  }
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('No answer in time.')), PATIENCE_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
