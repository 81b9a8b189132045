import { randomUUID } from 'node:crypto';
import type { Collections } from '../models/collections.ts';
import { isDuplicateKey } from '../models/object-id.ts';

const LEASE_MS = 15_000;
const RENEWALS = 4;

/** Lets work be done by one node at a time, by a document that its holder keeps renewing. */
export class Leases {
  private readonly leases: Collections['leases'];
  private readonly leaseMs: number;

  /** A holder that dies keeps others waiting for `leaseMs`. */
  constructor(leases: Collections['leases'], leaseMs = LEASE_MS) {
    this.leases = leases;
    this.leaseMs = leaseMs;
  }

  /**
   * Does the work while no other node does, and resolves with its result; with null, and nothing done, when another is
   * at it. The signal is aborted when the lease is lost, or with `signal`: the work must then end by itself.
   */
  async hold<T>(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T | null> {
    const holder = randomUUID();
    if (!(await this.take(name, holder))) return null;
    const lost = new AbortController();
    const lose = () => lost.abort(new Error(`The lease of ${name} is lost.`));
    let keptAt = performance.now();
    const renewal = setInterval(() => {
      // A database that does not answer cannot tell that another node has taken it.
      if (performance.now() - keptAt > this.leaseMs) lose();
      const asked = performance.now();
      this.renew(name, holder).then(
        (kept) => {
          if (!kept) return lose();
          keptAt = asked;
        },
        // A renewal that fails once is made up for by the next.
        () => undefined,
      );
    }, this.leaseMs / RENEWALS);
    try {
      return await work(signal ? AbortSignal.any([signal, lost.signal]) : lost.signal);
    } finally {
      clearInterval(renewal);
      await this.leases.deleteOne({ _id: name, holder }).catch(() => undefined);
    }
  }

  private async take(name: string, holder: string): Promise<boolean> {
    const { collection } = this.leases;
    const { matchedCount } = await collection.updateOne(
      { _id: name as never, $expr: { $lte: ['$until', '$$NOW'] } },
      [{ $set: { holder, until: this.fromNow() } }],
    );
    if (matchedCount === 1) return true;
    try {
      // Without a holder it is free at once; whoever takes it first in the next step has it.
      await collection.insertOne({ _id: name as never, holder: '', until: new Date(0) });
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
    return this.take(name, holder);
  }

  private async renew(name: string, holder: string): Promise<boolean> {
    const { matchedCount } = await this.leases.collection.updateOne({ _id: name as never, holder }, [
      { $set: { until: this.fromNow() } },
    ]);
    return matchedCount === 1;
  }

  private fromNow() {
    return { $dateAdd: { startDate: '$$NOW', unit: 'millisecond', amount: this.leaseMs } };
  }
}
