import type { Collections } from '../../models/collections.ts';
import { PROCESS } from '../../models/content-job.ts';
import { ObjectId } from '../../models/object-id.ts';
import { atOnce } from '../at-once.ts';
import type { ProcessingBacklog } from './processing-backlog.ts';
import type { ProcessingDuty } from './processing-duty.ts';

const BATCH = 100;

/** Does at once, without the queue, what is due in it; nodes that take from the queue may be at it meanwhile. */
export class ProcessingRun {
  private readonly jobs: Collections['jobs'];
  private readonly backlog: Pick<ProcessingBacklog, 'look'>;
  private readonly duty: Pick<ProcessingDuty, 'attend'>;
  private readonly concurrency: number;

  constructor(
    jobs: Collections['jobs'],
    backlog: Pick<ProcessingBacklog, 'look'>,
    duty: Pick<ProcessingDuty, 'attend'>,
    concurrency: number,
  ) {
    this.jobs = jobs;
    this.backlog = backlog;
    this.duty = duty;
    this.concurrency = concurrency;
  }

  /** Processes every content that is due; resolves with how many there were, failures included. */
  async all(signal: AbortSignal): Promise<number> {
    await this.backlog.look(signal);
    let count = 0;
    for (;;) {
      const due = await this.jobs
        .find({ name: PROCESS, nextRunAt: { $ne: null, $lte: new Date() } }, { data: 1 })
        .sort({ nextRunAt: 1 })
        .limit(BATCH)
        .lean();
      if (due.length === 0) return count;
      const attend = ({ _id, data }: (typeof due)[number]) => this.attend(_id, data.blob, signal);
      for await (const _done of atOnce(this.concurrency, due, attend)) {
        signal.throwIfAborted();
        count += 1;
      }
    }
  }

  private async attend(_id: ObjectId, blob: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const inMs = await this.duty.attend(new ObjectId(blob), signal);
    if (inMs === null) await this.jobs.deleteOne({ _id });
    else await this.jobs.updateOne({ _id }, { $set: { nextRunAt: new Date(Date.now() + inMs) } });
  }
}
