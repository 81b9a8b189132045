import { setTimeout as wait } from 'node:timers/promises';
import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { Role } from '../../models/user.ts';
import type { Leases } from '../leases.ts';
import { USABLE } from '../sessions/sessions.ts';

const LEASE = 'administrators';
const PATIENCE_MS = 5_000;
const RETRY_MS = 100;

/** What an account must be to administer the service. */
export const ADMINISTERS = { role: Role.ADMIN, ...USABLE } as const;

/** Sees to it that somebody can always administer the service. */
export class Administrators {
  private readonly users: Collections['users'];
  private readonly leases: Leases;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(users: Collections['users'], leases: Leases) {
    this.users = users;
    this.leases = leases;
  }

  /**
   * Does what takes an administrator away, one such change at a time on all nodes, while another one stays. Rejects, with
   * nothing done, with CONFLICT when it is the last one, and with FORBIDDEN when who does it administers no more.
   */
  withOneLeft<T>(change: { without: ObjectId; by: ObjectId }, work: () => Promise<T>): Promise<T> {
    // Only one of this node asks for the lease at a time: many would keep each other from it.
    const turn = this.turn.then(() => this.alone(change, work));
    this.turn = turn.catch(() => undefined);
    return turn;
  }

  private async alone<T>(
    { without, by }: { without: ObjectId; by: ObjectId },
    work: () => Promise<T>,
  ): Promise<T> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const done = await this.leases.hold(LEASE, async (held) => {
        await this.require({ _id: by }, new AppError('FORBIDDEN', 'This is for administrators.'));
        await this.require({ _id: { $ne: without } }, lastOne());
        held.throwIfAborted();
        return { value: await work() };
      });
      if (done) return done.value;
      if (performance.now() > until) throw busy();
      await wait(RETRY_MS * Math.random());
    }
  }

  private async require(which: { _id: ObjectId | { $ne: ObjectId } }, refusal: AppError): Promise<void> {
    if (!(await this.users.exists({ ...which, ...ADMINISTERS }))) throw refusal;
  }
}

const lastOne = () =>
  new AppError('CONFLICT', 'This is the last administrator: make another one before it goes.');

const busy = () =>
  new AppError('CONFLICT', 'Another administrator is just being changed: try again.', { retryAfter: 1 });
