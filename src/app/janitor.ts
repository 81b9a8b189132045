import type { Metrics } from '../http/metrics.ts';
import { Janitor, type Job, type JobRun } from '../jobs/janitor.ts';
import type { Leases } from '../services/leases.ts';
import { SWEEP_STEPS, type Sweep, type SweepStep } from '../services/sweep.ts';
import type { Log } from './log.ts';

// These ask providers for lists, which cost time and money by the number of objects; nothing waits for what they find.
const LISTING_STEPS: ReadonlySet<SweepStep> = new Set(['unfinished', 'lost-found']);
const AN_HOUR_MS = 3_600_000;

/** The janitor with every job there is; what it does is logged and counted. */
export function createJanitor(parts: { sweep: Sweep; leases: Leases; metrics: Metrics; log: Log }): Janitor {
  const { sweep, leases, metrics, log } = parts;
  const steps = Object.keys(SWEEP_STEPS) as SweepStep[];
  const jobs: Job[] = steps.map((name) => ({
    name,
    about: SWEEP_STEPS[name],
    run: (signal) => sweep.step(name, signal),
    restMs: LISTING_STEPS.has(name) ? AN_HOUR_MS : 0,
  }));
  return new Janitor(jobs, leases, (run) => {
    metrics.jobEnded(run);
    logRun(log, run);
  });
}

function logRun(log: Log, { name, outcome, count, milliseconds, error }: JobRun): void {
  const facts = { job: name, outcome, count, milliseconds };
  if (outcome === 'failed') log.error({ ...facts, err: error }, 'a job failed');
  else if (count > 0) log.info(facts, 'a job found something to do');
  else log.debug(facts, 'a job ran');
}
