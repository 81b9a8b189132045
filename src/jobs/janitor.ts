import type { Leases } from '../services/leases.ts';

/** Something the service does by itself, again and again. */
export interface Job {
  readonly name: string;
  /** What it does, in a few words. */
  readonly about: string;
  /** How long it rests between two of its runs by itself, where that is longer than for all others; milliseconds. */
  readonly restMs?: number;
  /**
   * One pass; resolves with how many things it dealt with. It ends soon after the signal is aborted, by rejecting
   * with its reason, and leaves what the next pass can carry on with.
   */
  run(signal: AbortSignal): Promise<number>;
}

/** How a run of a job came out; `skipped` is one that another node was at. */
export type JobOutcome = 'done' | 'failed' | 'skipped' | 'stopped';

/** One run of a job; the error is that of a run that failed or was stopped. */
export interface JobRun {
  readonly name: string;
  readonly outcome: JobOutcome;
  readonly count: number;
  readonly milliseconds: number;
  readonly error?: unknown;
}

/** Runs jobs, each on one node at a time, whatever becomes of the others. */
export class Janitor {
  /** Every job, in the order in which they run. */
  readonly jobs: readonly Job[];
  private readonly leases: Leases;
  private readonly ended: (run: JobRun) => void;
  private readonly ranAt = new Map<Job, number>();

  /** `ended` is told of every run of `runAll`. */
  constructor(jobs: readonly Job[], leases: Leases, ended: (run: JobRun) => void) {
    this.jobs = jobs;
    this.leases = leases;
    this.ended = ended;
  }

  /**
   * Runs every job once, in their order, but for those that still rest; never rejects, and begins none after the signal
   * is aborted.
   */
  async runAll(signal: AbortSignal): Promise<JobRun[]> {
    const runs: JobRun[] = [];
    for (const job of this.jobs) {
      if (signal.aborted) break;
      if (this.rests(job)) continue;
      const run = await this.once(job, signal);
      this.ended(run);
      if (run.outcome === 'done') this.ranAt.set(job, performance.now());
      runs.push(run);
    }
    return runs;
  }

  /** Runs one job once; never rejects for what becomes of it, throws a RangeError for a name that no job has. */
  async run(name: string, signal: AbortSignal): Promise<JobRun> {
    const job = this.jobs.find((each) => each.name === name);
    if (!job) throw new RangeError(`There is no job ${name}.`);
    return this.once(job, signal);
  }

  private rests(job: Job): boolean {
    const ranAt = this.ranAt.get(job);
    return ranAt !== undefined && performance.now() - ranAt < (job.restMs ?? 0);
  }

  private async once(job: Job, signal: AbortSignal): Promise<JobRun> {
    const began = performance.now();
    const ended = (outcome: JobOutcome, count: number, error?: unknown): JobRun => ({
      name: job.name,
      outcome,
      count,
      milliseconds: Math.round(performance.now() - began),
      ...(error !== undefined && { error }),
    });
    try {
      const count = await this.leases.hold(`job ${job.name}`, (held) => job.run(held), signal);
      return count === null ? ended('skipped', 0) : ended('done', count);
    } catch (error) {
      return ended(signal.aborted ? 'stopped' : 'failed', 0, error);
    }
  }
}
