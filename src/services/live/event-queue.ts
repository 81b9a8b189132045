/**
 * What is told to one listener who takes it at a pace of its own. It holds at most so many things: one more ends it, since
 * a listener that is so far behind must begin anew.
 */
export class EventQueue<T> {
  private readonly most: number;
  private readonly waiting: T[] = [];
  private taker: { resolve: (next: T | null) => void; reject: (error: unknown) => void } | null = null;
  private end: { error: unknown } | null = null;

  constructor(most: number) {
    this.most = most;
  }

  /** How many things wait to be taken. */
  get size(): number {
    return this.waiting.length;
  }

  /** Adds a thing; false, and nothing is added, when it is full or has ended. */
  push(thing: T): boolean {
    if (this.end) return false;
    if (this.taker) {
      const { resolve } = this.taker;
      this.taker = null;
      resolve(thing);
      return true;
    }
    if (this.waiting.length >= this.most) return false;
    this.waiting.push(thing);
    return true;
  }

  /** Ends it at once, what waits is dropped: with an error that the next taker gets, or without one. */
  close(error: unknown = null): void {
    if (this.end) return;
    this.end = { error };
    this.waiting.length = 0;
    if (!this.taker) return;
    const { resolve, reject } = this.taker;
    this.taker = null;
    this.end = { error: null };
    if (error === null) resolve(null);
    else reject(error);
  }

  /** The next thing, as soon as there is one; null once it has ended. One taker at a time. */
  take(): Promise<T | null> {
    const [next] = this.waiting.splice(0, 1);
    if (next !== undefined) return Promise.resolve(next);
    if (this.end) {
      const { error } = this.end;
      this.end = { error: null };
      return error === null ? Promise.resolve(null) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.taker = { resolve, reject };
    });
  }
}
