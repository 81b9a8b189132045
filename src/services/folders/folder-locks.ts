import { AppError } from '../../errors.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Leases } from '../leases.ts';

const WAIT_MS = 10_000;
const TRY_EVERY_MS = 40;
const RETRY_SECONDS = 5;

/** Lets what changes the shape of an account’s tree happen one after another, on all nodes. */
export class FolderLocks {
  private readonly leases: Leases;
  private readonly waitMs: number;
  private readonly queues = new Map<string, Promise<unknown>>();

  /** Whoever has waited `waitMs` is refused. */
  constructor(leases: Leases, waitMs = WAIT_MS) {
    this.leases = leases;
    this.waitMs = waitMs;
  }

  /** Does the work while nothing else changes the shape of the account’s tree; CONFLICT when that takes too long to come. */
  tree<T>(owner: ObjectId, work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.inTurn(`folders ${owner.toHexString()}`, work, signal);
  }

  /** Does the work while nothing else moves files into the folder, or into the account’s root. */
  place<T>(owner: ObjectId, folder: ObjectId | null, work: () => Promise<T>): Promise<T> {
    return this.inTurn(`files of ${owner.toHexString()} ${folder?.toHexString() ?? 'root'}`, work);
  }

  /** On this node in the order of the asking, so that only one of them tries to get the lease. */
  private inTurn<T>(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const deadline = Date.now() + this.waitMs;
    const before = this.queues.get(name) ?? Promise.resolve();
    const turn = before.then(() => this.leased(name, work, deadline, signal));
    const over = turn.catch(() => undefined);
    this.queues.set(name, over);
    over.then(() => {
      if (this.queues.get(name) === over) this.queues.delete(name);
    });
    return turn;
  }

  private async leased<T>(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
    deadline: number,
    signal?: AbortSignal,
  ): Promise<T> {
    while (Date.now() < deadline) {
      const done = await this.leases.hold(name, async (held) => ({ result: await work(held) }), signal);
      if (done) return done.result;
      signal?.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS * (0.5 + Math.random())));
    }
    throw new AppError('CONFLICT', 'These folders are being changed by something else; try again.', {
      retryAfter: RETRY_SECONDS,
    });
  }
}
