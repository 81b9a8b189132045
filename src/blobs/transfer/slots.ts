/**
 * How many calls that carry no contents a store has under way at once. They are short, and have connections of their own,
 * so that neither they nor the contents wait for each other.
 */
export const CALLS_AT_ONCE = 16;

/** A number of things that may be under way at once; whoever comes later waits for a turn. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(size: number) {
    this.#free = size;
  }

  /** Resolves with what gives the slot back, once however often it is called; rejects with the signal's reason. */
  async take(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(signal);
    let held = true;
    return () => {
      if (held) this.#giveBack();
      held = false;
    };
  }

  /** Runs something in a slot. */
  async during<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const giveBack = await this.take(signal);
    try {
      return await run();
    } finally {
      giveBack();
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.delete(go);
        reject(signal?.reason);
      };
      const go = () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      this.#waiting.add(go);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  #giveBack(): void {
    const [next] = this.#waiting;
    if (!next) this.#free += 1;
    else {
      this.#waiting.delete(next);
      next();
    }
  }
}
