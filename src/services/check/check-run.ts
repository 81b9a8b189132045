import { atOnce } from '../at-once.ts';
import type { CheckObserver, CheckOptions, Confirmed, Outcome, Risk, Suspicion } from './storage-findings.ts';

const LOOKS_AT_ONCE = 8;
const REPAIRS_AT_ONCE = 4;
// What is found waits for the end of its pass, so that a wrong bucket is known for one before anything is forgotten.
const MOST_PENDING = 100_000;
const FEW = 10;
const PROGRESS_MS = 250;

/** How many of each were met, which is what a number of losses is held against. */
export interface Met {
  objects: number;
  contents: number;
  replicas: number;
  previews?: number;
}

/** Confirms what looks wrong, repairs it where asked, and tells of it; memory is bounded however much is wrong. */
export class CheckRun {
  readonly options: CheckOptions;
  readonly signal: AbortSignal;
  private readonly observer: CheckObserver;

  constructor(options: CheckOptions, observer: CheckObserver, signal: AbortSignal) {
    this.options = options;
    this.observer = observer;
    this.signal = signal;
  }

  /** Says how far something is that the numbers of what was met do not tell. */
  progress(what: string, looked: number): void {
    this.observer.progress(what, looked);
  }

  /** Works one pass off. */
  async work(suspicions: AsyncIterable<Suspicion>, met: Met, what: string): Promise<void> {
    const timer = setInterval(() => this.progress(what, met.objects || met.contents), PROGRESS_MS);
    const pending: Confirmed[] = [];
    const risks: Record<Risk, number> = { objects: 0, contents: 0, replicas: 0, previews: 0 };
    try {
      for await (const confirmed of atOnce(LOOKS_AT_ONCE, suspicions, (one) => one.confirm())) {
        if (!confirmed) continue;
        if (confirmed.risk) risks[confirmed.risk] += 1;
        if (!this.options.repair) this.tell(confirmed, 'found');
        else if (pending.length < MOST_PENDING) pending.push(confirmed);
        else this.tell(confirmed, 'refused', 'there is too much for one run; run it again');
      }
      this.signal.throwIfAborted();
      await this.repair(pending.splice(0), (risk) => this.isTooMuch(risks[risk], met[risk] ?? 0));
    } finally {
      clearInterval(timer);
      // Where the pass broke off, what it had found by then is still so.
      for (const confirmed of pending) this.tell(confirmed, 'failed', 'the check broke off');
    }
  }

  private async repair(all: readonly Confirmed[], isTooMuch: (risk: Risk) => boolean): Promise<void> {
    const note =
      'more than half of all here: is it the right bucket, and the right database? --force does it';
    const work = async (confirmed: Confirmed) => {
      this.signal.throwIfAborted();
      if (confirmed.risk && isTooMuch(confirmed.risk)) return this.tell(confirmed, 'refused', note);
      try {
        const repaired = await confirmed.repair();
        this.tell(confirmed, repaired.outcome, repaired.note);
      } catch (error) {
        this.signal.throwIfAborted();
        this.tell(confirmed, 'failed', (error as Error).message);
      }
    };
    for await (const _done of atOnce(REPAIRS_AT_ONCE, toAsync(all), work));
  }

  private isTooMuch(count: number, of: number): boolean {
    return !this.options.force && count > FEW && count > of / 2;
  }

  private tell({ finding }: Confirmed, outcome: Outcome, note?: string): void {
    this.observer.result({ ...finding, outcome, ...(note !== undefined && { note }) });
  }
}

async function* toAsync<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}
