/** Runs a job again and again until stopped: the next run begins `seconds` after the last one ended. */
export class Every {
  private readonly seconds: number;
  private readonly job: () => Promise<unknown>;
  private readonly onError: (error: unknown) => void;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private stopped = false;

  constructor(seconds: number, job: () => Promise<unknown>, onError: (error: unknown) => void) {
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

  /** Resolves once no run is under way and none will begin. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private async run(): Promise<void> {
    try {
      await this.job();
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
