import { AppError } from '../../errors.ts';

/** How many subscriptions one account may have on one node. */
export const MOST_PER_ACCOUNT = 500;
const RETRY_SECONDS = 60;

/** The subscriptions of this node, counted by account. */
export class LivePlaces {
  private readonly counts = new Map<string, number>();
  private total = 0;

  /** How many there are. */
  get size(): number {
    return this.total;
  }

  /** Takes a place, which the function it returns gives back once; RATE_LIMITED where the account has no more. */
  take(account: string): () => void {
    const taken = this.counts.get(account) ?? 0;
    if (taken >= MOST_PER_ACCOUNT) {
      const message = `At most ${MOST_PER_ACCOUNT} subscriptions may run for one account.`;
      throw new AppError('RATE_LIMITED', message, { retryAfter: RETRY_SECONDS });
    }
    this.counts.set(account, taken + 1);
    this.total += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.total -= 1;
      const left = (this.counts.get(account) ?? 1) - 1;
      if (left === 0) this.counts.delete(account);
      else this.counts.set(account, left);
    };
  }
}
