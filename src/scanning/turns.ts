interface Waiting {
  readonly owner: string;
  readonly go: () => void;
}

/**
 * A number of things that may be under way at once; whoever comes later waits, but not for ever. Nobody holds more than
 * half of the turns, so that who is slow leaves some to others.
 */
export class Turns {
  private free: number;
  private readonly share: number;
  private readonly patienceMs: number;
  private readonly held = new Map<string, number>();
  private readonly waiting = new Set<Waiting>();

  constructor(size: number, patienceMs: number) {
    this.free = size;
    this.share = Math.max(1, Math.floor(size / 2));
    this.patienceMs = patienceMs;
  }

  /** Resolves with what gives the turn back, once however often it is called; rejects when none came in time. */
  async take(owner: string): Promise<() => void> {
    if (this.mayHave(owner)) this.give(owner);
    else await this.next(owner);
    let isHeld = true;
    return () => {
      if (isHeld) this.giveBack(owner);
      isHeld = false;
    };
  }

  private mayHave(owner: string): boolean {
    return this.free > 0 && (this.held.get(owner) ?? 0) < this.share;
  }

  private give(owner: string): void {
    this.free -= 1;
    this.held.set(owner, (this.held.get(owner) ?? 0) + 1);
  }

  private next(owner: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = {
        owner,
        go: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.waiting.delete(waiting);
        reject(new Error('Too many contents are being scanned.'));
      }, this.patienceMs);
      this.waiting.add(waiting);
    });
  }

  private giveBack(owner: string): void {
    this.free += 1;
    const left = (this.held.get(owner) ?? 1) - 1;
    if (left > 0) this.held.set(owner, left);
    else this.held.delete(owner);
    for (const waiting of this.waiting) {
      if (!this.mayHave(waiting.owner)) continue;
      this.waiting.delete(waiting);
      this.give(waiting.owner);
      waiting.go();
      return;
    }
  }
}
