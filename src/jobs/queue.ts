import { MongoJobRepository } from '@agendajs/mongo-backend';
import { Agenda, type AgendaBackend, InMemoryNotificationChannel, type Job, toJobId } from 'agenda';

/** The database that a queue lies in. */
export type QueueDatabase = Extract<
  ConstructorParameters<typeof MongoJobRepository>[0],
  { mongo: unknown }
>['mongo'];

/** What a queue is and does. */
export interface QueueParts {
  readonly database: QueueDatabase;
  /** The name of its jobs; each has a subject, of which there is one job at most. */
  readonly name: string;
  /** How many jobs this process does at once. */
  readonly concurrency: number;
  /** After how long without a sign of life a job is taken over by another process. */
  readonly lockMs?: number;
  /** How often it is asked what other processes have queued. */
  readonly pollMs?: number;
  /**
   * Does one job; resolves with null once it is done, else with the milliseconds after which it is to be done again. Once
   * the signal is aborted it ends soon.
   */
  work(subject: string, signal: AbortSignal): Promise<number | null>;
  /** Hears of what is wrong with the queue itself, and of jobs that rejected; those are done again. */
  onError(error: unknown): void;
}

interface Subject {
  readonly blob: string;
}

const COLLECTION = 'jobs';
const LOCK_MS = 30_000;
const POLL_MS = 2_000;
const AFTER_ERROR_MS = 30_000;
const TOUCHES_PER_LOCK = 3;

/**
 * Jobs that survive the process, in the service’s own database: what one process queues any may do, each job one of them
 * at a time; the job of a process that died is taken over.
 */
export class JobQueue {
  private readonly parts: QueueParts;
  private readonly agenda: Agenda;
  private readonly channel = new InMemoryNotificationChannel();
  private readonly running = new Map<Job<Subject>, { ended: Promise<void>; end: () => void }>();
  private readonly stopping = new AbortController();
  private starting: Promise<void> | undefined;

  /** It only takes jobs in until it is started. */
  constructor(parts: QueueParts) {
    this.parts = parts;
    const { concurrency } = parts;
    this.agenda = new Agenda({
      backend: backendOf(parts.database),
      notificationChannel: this.channel,
      processEvery: parts.pollMs ?? POLL_MS,
      maxConcurrency: concurrency,
      defaultConcurrency: concurrency,
      // What waits here behind others could be done elsewhere.
      defaultLockLimit: concurrency,
      defaultLockLifetime: parts.lockMs ?? LOCK_MS,
    });
    this.agenda.on('error', parts.onError);
    this.agenda.on('complete', (job) => this.ended(job as unknown as Job<Subject>));
  }

  /** Queues a job about the subject, unless one is queued or runs. */
  async add(subject: string): Promise<void> {
    const data: Subject = { blob: subject };
    try {
      await this.agenda
        .create(this.parts.name, data)
        .unique({ 'data.blob': subject }, { insertOnly: true })
        .schedule(new Date())
        .save();
    } catch (error) {
      // Two processes queued the same at once: one of them did.
      if ((error as { code?: unknown }).code !== 11_000) throw error;
    }
  }

  /** Begins to do jobs. */
  start(): void {
    this.agenda.define<Subject>(this.parts.name, (job) => this.run(job));
    this.starting ??= this.agenda.start();
    this.starting.catch(this.parts.onError);
  }

  /** Ends the jobs that run here, which others then do, and begins none; resolves once all have ended. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('The service stops.'));
    await this.starting?.catch(() => undefined);
    await this.agenda.stop(false);
    await Promise.all([...this.running.values()].map(({ ended }) => ended));
  }

  private async run(job: Job<Subject>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.running.set(job, { ended: promise, end: resolve });
    let touching: Promise<unknown> = Promise.resolve();
    const alive = setInterval(
      () => {
        touching = job.touch().catch(() => undefined);
      },
      (this.parts.lockMs ?? LOCK_MS) / TOUCHES_PER_LOCK,
    );
    try {
      const again = await this.again(job);
      // A touch that came after the last word on the job would lock it once more.
      clearInterval(alive);
      await touching;
      if (again === null) await job.remove();
      else job.attrs.nextRunAt = new Date(Date.now() + again);
    } finally {
      clearInterval(alive);
    }
  }

  private async again(job: Job<Subject>): Promise<number | null> {
    try {
      if (this.stopping.signal.aborted) return 0;
      return await this.parts.work(job.attrs.data.blob, this.stopping.signal);
    } catch (error) {
      this.parts.onError(error);
      return AFTER_ERROR_MS;
    }
  }

  private ended(job: Job<Subject>): void {
    this.running.get(job)?.end();
    this.running.delete(job);
    // Only now is there a place for another, and the next poll may be seconds away.
    setImmediate(() => this.fill());
  }

  private fill(): void {
    if (this.stopping.signal.aborted || this.channel.state !== 'connected') return;
    const { name } = this.parts;
    const now = new Date();
    const news = { jobId: toJobId(''), jobName: name, nextRunAt: now, priority: 0, timestamp: now };
    this.channel.publish(news).catch(this.parts.onError);
  }
}

/** The library’s own backend would also make indexes and a collection for logs, each process anew. */
function backendOf(mongo: QueueDatabase): AgendaBackend {
  const repository = new MongoJobRepository({ mongo, db: { collection: COLLECTION }, ensureIndex: false });
  const unlock = repository.unlockJob.bind(repository);
  // Nobody awaits it: a database that is away just then must not end the process. The lock ends by itself.
  repository.unlockJob = (job) => unlock(job).catch(() => undefined);
  return {
    name: 'MongoDB',
    repository,
    ownsConnection: false,
    connect: () => repository.connect(),
    disconnect: async () => undefined,
  };
}
