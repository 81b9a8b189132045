import type { Metrics } from '../http/metrics.ts';
import { Every } from '../jobs/every.ts';
import { Janitor, type Job } from '../jobs/janitor.ts';
import type { Leases } from '../services/leases.ts';
import type { Log } from './log.ts';

/** A job that has a pace of its own, and runs on one node at a time while `isNeeded` says that there is something to do. */
export function loneJob(
  job: Job,
  parts: {
    seconds: number;
    isNeeded: () => Promise<boolean>;
    leases: Leases;
    metrics: Metrics;
    log: Log;
    /** What is logged when it could not even be asked whether there is something to do. */
    trouble: string;
  },
): Every {
  const { metrics, log, trouble } = parts;
  const alone = new Janitor([job], parts.leases, (run) => {
    metrics.jobEnded(run);
    if (run.outcome === 'failed') log.error({ job: run.name, err: run.error }, 'a job failed');
  });
  return new Every(
    parts.seconds,
    // Asking costs next to nothing; only what is to be done is worth a lease.
    async (signal) => (await parts.isNeeded()) && alone.runAll(signal),
    (err) => log.error({ err }, trouble),
  );
}
