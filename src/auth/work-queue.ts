import { AppError } from '../errors.ts';

/** Runs at most `running` tasks at once, lets `waiting` more wait in their order, and refuses the rest. */
export class WorkQueue {
  private free: number;
  private readonly room: number;
  private readonly doing: string;
  private readonly waiting: (() => void)[] = [];

  /** `doing` is what refusals say that the server is busy with. */
  constructor(running: number, waiting: number, doing = 'checking passwords') {
    this.free = running;
    this.room = waiting;
    this.doing = doing;
  }

  /** Settles as the task does; rejects with RATE_LIMITED, without running it, when too many already wait. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    await this.enter();
    try {
      return await task();
    } finally {
      this.leave();
    }
  }

  private async enter(): Promise<void> {
    if (this.free > 0) {
      this.free -= 1;
      return;
    }
    if (this.waiting.length >= this.room) {
      throw new AppError('RATE_LIMITED', `The server is busy ${this.doing}: try again in a moment.`, {
        retryAfter: 5,
      });
    }
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }
}
