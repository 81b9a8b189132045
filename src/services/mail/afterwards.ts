import { setTimeout as pause } from 'node:timers/promises';
import { currentRequest, withinRequest } from '../request-facts.ts';

/** How afterwards works: how much may wait, how long each waits at the most, and who hears of what failed. */
export interface AfterwardsOptions {
  readonly onError: (error: unknown) => void;
  readonly most?: number;
  readonly delayMs?: number;
}

/**
 * Does work after the answer that it belongs to, a random moment later, so that neither the answer nor what is asked
 * next tells by its time whether there was anything to do.
 */
export class Afterwards {
  private readonly onError: (error: unknown) => void;
  private readonly most: number;
  private readonly delayMs: number;
  private readonly running = new Set<Promise<void>>();
  private readonly stopping = new AbortController();

  constructor({ onError, most = 1_000, delayMs = 300 }: AfterwardsOptions) {
    this.onError = onError;
    this.most = most;
    this.delayMs = delayMs;
  }

  /** Begins soon after it was called; beyond what may wait at once the work is not done, which is told as an error. */
  do(work: () => Promise<void>): void {
    if (this.running.size >= this.most) {
      this.onError(new Error(`More than ${this.most} answers wait for what comes after them.`));
      return;
    }
    const request = currentRequest();
    // Under facts of its own: the answer, which may still be under way, must not tell what is spent here.
    const begun = request ? withinRequest({ ...request }, () => this.later(work)) : this.later(work);
    const done = begun.finally(() => this.running.delete(done));
    this.running.add(done);
  }

  /** Begins at once what waits, and resolves when all of it is done. */
  async finish(): Promise<void> {
    this.stopping.abort();
    while (this.running.size > 0) await Promise.all(this.running);
  }

  private async later(work: () => Promise<void>): Promise<void> {
    try {
      await pause(Math.random() * this.delayMs, undefined, { signal: this.stopping.signal });
    } catch {
      // There is no next request to hide from any more.
    }
    try {
      await work();
    } catch (error) {
      this.onError(error);
    }
  }
}
