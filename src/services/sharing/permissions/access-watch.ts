import type { Readable } from 'node:stream';
import { AppError } from '../../../errors.ts';

interface Watch {
  readonly streams: Set<Readable>;
  readonly stillMay: () => Promise<boolean>;
}

/**
 * Ends the contents that are on their way by some right to them, such as a share link or a grant, when that right has
 * ended: at once when this node ended it, at its next `check` when another node or the time did.
 */
export class AccessWatch {
  private readonly watches = new Map<string, Watch>();

  /** How many streams are watched now. */
  get size(): number {
    return [...this.watches.values()].reduce((sum, { streams }) => sum + streams.size, 0);
  }

  /**
   * Watches a stream until it closes: it fails with GONE once `stillMay` says no or fails. The key names the right that
   * the stream runs by, so whatever runs by the same key is asked for once, by what the first of them gave.
   */
  stream(key: string, stream: Readable, stillMay: () => Promise<boolean>): void {
    // It may end before anybody reads it, and an error that nobody hears ends the process.
    stream.on('error', () => undefined);
    if (stream.closed) return;
    const watch = this.watches.get(key) ?? { streams: new Set(), stillMay };
    watch.streams.add(stream);
    this.watches.set(key, watch);
    stream.once('close', () => this.forget(key, watch, stream));
  }

  /** Ends everything that runs by the key on this node. */
  ended(key: string): void {
    const watch = this.watches.get(key);
    if (watch) this.end(key, watch);
  }

  /** Asks which of the rights that something runs by are left, and ends what ran by the others; one question per key. */
  async check(): Promise<void> {
    await Promise.all(
      [...this.watches].map(async ([key, watch]) => {
        const isLeft = await watch.stillMay().catch(() => false);
        // What joined while it was asked runs by the same right; what came after all of them closed is another watch.
        if (!isLeft) this.end(key, watch);
      }),
    );
  }

  private end(key: string, watch: Watch): void {
    if (this.watches.get(key) === watch) this.watches.delete(key);
    for (const stream of watch.streams) {
      stream.destroy(new AppError('GONE', 'The permission to read this has ended.'));
    }
  }

  private forget(key: string, watch: Watch, stream: Readable): void {
    watch.streams.delete(stream);
    if (watch.streams.size === 0 && this.watches.get(key) === watch) this.watches.delete(key);
  }
}
