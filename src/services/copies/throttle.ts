import { setTimeout as pause } from 'node:timers/promises';

const TURNS_PER_SECOND = 8;
const LEAST_BYTES = 1024;

/** Keeps all who share it together below so many bytes a second. */
export class Throttle {
  private readonly bytesPerSecond: number;
  private freeAt = 0;

  constructor(bytesPerSecond: number) {
    this.bytesPerSecond = bytesPerSecond;
  }

  /** The most bytes that should be asked for at once. */
  get portion(): number {
    return Math.max(LEAST_BYTES, Math.floor(this.bytesPerSecond / TURNS_PER_SECOND));
  }

  /** Resolves once so many more bytes may pass; rejects when the signal is aborted before. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const now = performance.now();
    const turn = Math.max(now, this.freeAt);
    this.freeAt = turn + (bytes / this.bytesPerSecond) * 1000;
    if (turn > now) await pause(turn - now, undefined, signal ? { signal } : {});
  }
}
