const AGAIN_AFTER_MS = 10 * 60_000;
const MOST_REMEMBERED = 10_000;

/** Remembers, in bounded memory, what was noted within the last ten minutes, so that nothing need be noted again and again. */
export class NotedLately {
  private readonly now: () => number;
  private readonly noted = new Map<string, number>();

  /** The clock, monotonic and in milliseconds, may be given. */
  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** How many things are remembered. */
  get size(): number {
    return this.noted.size;
  }

  /** Whether this was not noted within the last ten minutes; from now on it was. */
  isNew(key: string): boolean {
    const now = this.now();
    const notedAt = this.noted.get(key);
    if (notedAt !== undefined && now - notedAt < AGAIN_AFTER_MS) return false;
    this.noted.delete(key);
    // All are remembered equally long, so the first of the map is always the oldest.
    const [oldest] = this.noted.keys();
    if (oldest !== undefined && this.noted.size >= MOST_REMEMBERED) this.noted.delete(oldest);
    this.noted.set(key, now);
    return true;
  }
}
