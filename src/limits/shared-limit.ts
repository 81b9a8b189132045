import type { Allowance } from '../services/limits/rate-limits.ts';
import type { Counts } from './counts.ts';

/** How a key stands after something was asked of it. */
export interface KeyStanding {
  readonly granted: boolean;
  /** Points, as far as this node knows. */
  readonly remaining: number;
  /** Milliseconds until all points are there again. */
  readonly msLeft: number;
}

/** What this node took from the shared count and has not spent yet. */
interface Lease {
  left: number;
  /** What nobody had taken when this node last asked. */
  untaken: number;
  /** Until when it counts, on the monotonic clock. */
  until: number;
  /** Until when the shared count is not asked again, since it had nothing. */
  dryUntil: number;
  taking?: Promise<void> | undefined;
}

const MOST_KEYS = 20_000;
const MOST_TAKEN = 50;
const DRY_MS = 1_000;

/**
 * One limit over all nodes. Points are taken from the shared count in blocks of a hundredth of the limit, at most 50,
 * and spent from there without asking again. A window never gives more than its points; what a node took and did not
 * spend within it, at most a block, is lost. While nothing is left, the shared count is asked once a second at most.
 */
export class SharedLimit {
  private readonly leases = new Map<string, Lease>();
  private readonly allowance: Allowance;
  private readonly counts: Counts;
  private readonly block: number;
  private readonly now: () => number;

  constructor(allowance: Allowance, counts: Counts, now = () => performance.now()) {
    this.allowance = allowance;
    this.counts = counts;
    this.block = Math.max(1, Math.min(MOST_TAKEN, Math.floor(allowance.points / 100)));
    this.now = now;
  }

  /** Spends all of the points, or none. */
  async spend(key: string, points: number): Promise<KeyStanding> {
    for (;;) {
      const lease = this.leaseOf(key);
      if (lease.left >= points) {
        lease.left -= points;
        return this.standing(lease, true);
      }
      if (this.now() < lease.dryUntil) return this.standing(lease, false);
      // Who else wants some meanwhile waits for the same.
      lease.taking ??= this.take(key, lease, points).finally(() => {
        lease.taking = undefined;
      });
      await lease.taking;
    }
  }

  /** Whether anything is left. */
  async look(key: string): Promise<KeyStanding> {
    const lease = this.leaseOf(key);
    const count = await this.counts.look(key);
    if (count) this.note(lease, count.points, count.msLeft);
    return this.standing(lease, lease.left > 0 || lease.untaken > 0);
  }

  /** Spends a point whatever is left; resolves with how many were spent beyond the limit, and how it stands. */
  async tally(key: string): Promise<{ beyond: number; standing: KeyStanding }> {
    const count = await this.counts.add(key, 1);
    const lease = this.leaseOf(key);
    this.note(lease, count.points, count.msLeft);
    const beyond = Math.max(0, count.points - this.allowance.points);
    return { beyond, standing: this.standing(lease, beyond === 0) };
  }

  /** Gives points back, within the window they were spent in. */
  async giveBack(key: string, points: number): Promise<void> {
    const lease = this.leaseOf(key);
    if (lease.until <= this.now()) return;
    lease.dryUntil = 0;
    if (this.block > 1) lease.left += points;
    else {
      lease.untaken += points;
      await this.counts.add(key, -points);
    }
  }

  /** Gives everything back. */
  async forget(key: string): Promise<void> {
    this.leases.delete(key);
    await this.counts.clear(key);
  }

  private async take(key: string, lease: Lease, points: number): Promise<void> {
    const wanted = Math.max(this.block, points - lease.left);
    const count = await this.counts.add(key, wanted);
    const missing = Math.min(wanted, Math.max(0, count.points - this.allowance.points));
    this.note(lease, count.points, count.msLeft);
    lease.left += wanted - missing;
    if (lease.left < points) lease.dryUntil = Math.min(this.now() + DRY_MS, lease.until);
    // Who is refused spends nothing: the count stays what was granted.
    if (missing > 0) await this.counts.add(key, -missing);
  }

  private note(lease: Lease, counted: number, msLeft: number): void {
    lease.until = this.now() + Math.max(0, msLeft);
    lease.untaken = Math.max(0, this.allowance.points - counted);
  }

  private standing(lease: Lease, granted: boolean): KeyStanding {
    return {
      granted,
      remaining: Math.min(this.allowance.points, lease.left + lease.untaken),
      msLeft: Math.max(0, lease.until - this.now()),
    };
  }

  private leaseOf(key: string): Lease {
    const known = this.leases.get(key);
    if (known) {
      if (known.until <= this.now() && !known.taking) this.renew(known);
      return known;
    }
    const [oldest] = this.leases.keys();
    if (this.leases.size >= MOST_KEYS && oldest !== undefined) this.leases.delete(oldest);
    const lease = { left: 0, untaken: this.allowance.points, until: 0, dryUntil: 0 };
    this.leases.set(key, lease);
    return lease;
  }

  private renew(lease: Lease): void {
    lease.left = 0;
    lease.untaken = this.allowance.points;
    lease.dryUntil = 0;
  }
}
