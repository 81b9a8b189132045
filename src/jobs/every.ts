/** Runs a job again and again until stopped: the next run begins `seconds` after the last one ended. */
export class Every {
  private readonly seconds: number;
  private readonly job: (signal: AbortSignal) => Promise<unknown>;
  private readonly onError: (error: unknown) => void;
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private again = false;

  /** The job's signal is aborted when it is to stop. */
  constructor(
    seconds: number,
    job: (signal: AbortSignal) => Promise<unknown>,
    onError: (error: unknown) => void,
  ) {
    this.seconds = seconds;
    this.job = job;
    this.onError = onError;
  }

  start(): void {
    this.now();
  }

  /** Runs the job at once, or once more right after the run that is under way. */
  now(): void {
    if (this.stopped) return;
    if (this.running) {
      this.again = true;
      return;
    }
    clearTimeout(this.timer);
    this.running = this.run().finally(() => this.next());
  }

  /** Asks the run that is under way to end; resolves once it has and none will begin. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('The service stops.'));
    clearTimeout(this.timer);
    await this.running;
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    try {
      await this.job(this.stopping.signal);
    } catch (error) {
      this.onError(error);
    }
  }

  private next(): void {
    this.running = undefined;
    if (this.stopped) return;
    if (this.again) {
      this.again = false;
      this.now();
    } else {
      this.timer = setTimeout(() => this.now(), this.seconds * 1000);
      this.timer.unref();
    }
  }
}
