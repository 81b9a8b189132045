import type { Readable } from 'node:stream';
import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { markEnded } from '../sessions/ended-viewers.ts';
import { type SessionEnds, USABLE } from '../sessions/sessions.ts';
import type { RunsFor } from '../viewer.ts';

/** Something that runs, while it runs. */
export interface Watched {
  /** Aborted with UNAUTHENTICATED once the account, the session or the key has ended, or with the signal that was given. */
  readonly signal: AbortSignal;
  /** Ends the watch; call it when the work is over. */
  release(): void;
}

interface Entry {
  readonly who: RunsFor;
  readonly userId: ObjectId;
  readonly sessionId: ObjectId | null;
  readonly keyId: ObjectId | null;
  readonly end: () => void;
}

/**
 * Ends what runs for an account, a session or an API key when that ends: at once when this node ends it, at its next
 * `check` when another node did. What does not run for long needs no watch: each request proves itself anew.
 */
export class AccountWatch implements SessionEnds {
  private readonly collections: Pick<Collections, 'users' | 'sessions' | 'apiKeys'>;
  private readonly entries = new Map<string, Set<Entry>>();

  constructor(collections: Pick<Collections, 'users' | 'sessions' | 'apiKeys'>) {
    this.collections = collections;
  }

  /** How many things are watched now. */
  get size(): number {
    return [...this.entries.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Calls back once when whom it runs for has ended; the callback must not throw. The function it
   * returns ends the watch; it may be called at any time.
   */
  onEnd(who: RunsFor, callback: () => void): () => void {
    const user = who.userId.toHexString();
    const entries = this.entries.get(user) ?? new Set();
    const entry = {
      who,
      userId: who.userId,
      sessionId: who.sessionId ?? null,
      keyId: who.key?.id ?? null,
      end: callback,
    };
    this.entries.set(user, entries.add(entry));
    return () => this.forget(entry);
  }

  /** Watches a piece of work from now until it is released. */
  during(who: RunsFor, signal?: AbortSignal): Watched {
    const ended = new AbortController();
    const release = this.onEnd(who, () => ended.abort(hasEnded()));
    return { signal: signal ? AbortSignal.any([signal, ended.signal]) : ended.signal, release };
  }

  /** Does the work under a watch; rejects with UNAUTHENTICATED, whatever the work makes of it, when that ended it. */
  async run<T>(
    who: RunsFor,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const watched = this.during(who, signal);
    try {
      return await work(watched.signal);
    } catch (error) {
      throw watched.signal.reason instanceof HasEnded ? watched.signal.reason : error;
    } finally {
      watched.release();
    }
  }

  /** Watches a stream until it closes: it fails with UNAUTHENTICATED when whom it runs for has ended. */
  stream(who: RunsFor, stream: Readable): void {
    const release = this.onEnd(who, () => stream.destroy(hasEnded()));
    // It may end before anybody reads it, and an error that nobody hears ends the process.
    stream.on('error', () => undefined).once('close', release);
    if (stream.closed) release();
  }

  /** Ends everything that runs for the account on this node. */
  end(userId: ObjectId): void {
    this.endWhere(userId, () => true);
  }

  /** Ends what runs for sessions of the account on this node: for one of them, or for all but `except`. */
  endSessions(userId: ObjectId, which: { only?: ObjectId; except?: ObjectId | undefined } = {}): void {
    const { only, except } = which;
    this.endWhere(userId, ({ sessionId }) => {
      if (!sessionId || except?.equals(sessionId)) return false;
      return only === undefined || only.equals(sessionId);
    });
  }

  /** Ends what runs for one API key of the account on this node. */
  endKey(userId: ObjectId, keyId: ObjectId): void {
    this.endWhere(userId, (entry) => entry.keyId?.equals(keyId) ?? false);
  }

  /** Asks which of those that something runs for have ended meanwhile, and ends it; asks nothing when nothing runs. */
  async check(): Promise<void> {
    const running = [...this.entries.values()].flatMap((entries) => [...entries]);
    if (running.length === 0) return;
    const [usable, sessions, keys] = await Promise.all([
      this.usableAccounts(running.map(({ userId }) => userId)),
      revoked(this.collections.sessions, idsOf(running, 'sessionId')),
      revoked(this.collections.apiKeys, idsOf(running, 'keyId')),
    ]);
    for (const entry of running) {
      const { userId, sessionId, keyId } = entry;
      const isOver =
        !usable.has(userId.toHexString()) ||
        sessions.has(String(sessionId?.toHexString())) ||
        keys.has(String(keyId?.toHexString()));
      if (isOver) this.endOne(entry);
    }
  }

  private async usableAccounts(ids: readonly ObjectId[]): Promise<Set<string>> {
    const found = await this.collections.users
      .find({ _id: { $in: distinct(ids) }, ...USABLE }, { _id: 1 })
      .lean();
    return new Set(found.map(({ _id }) => _id.toHexString()));
  }

  private endWhere(userId: ObjectId, isOver: (entry: Entry) => boolean): void {
    for (const entry of [...(this.entries.get(userId.toHexString()) ?? [])]) {
      if (isOver(entry)) this.endOne(entry);
    }
  }

  private endOne(entry: Entry): void {
    if (!this.forget(entry)) return;
    // What else its request has still to do, such as further mutations after a transfer, is not done any more.
    markEnded(entry.who);
    entry.end();
  }

  private forget(entry: Entry): boolean {
    const user = entry.userId.toHexString();
    const entries = this.entries.get(user);
    const was = entries?.delete(entry) ?? false;
    if (entries?.size === 0) this.entries.delete(user);
    return was;
  }
}

type Revocable = Pick<Collections, 'sessions' | 'apiKeys'>;

// Sessions that are not there any more ran out: what they began may end well.
async function revoked(collection: Revocable[keyof Revocable], ids: ObjectId[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const found = await (collection as Revocable['sessions'])
    .find({ _id: { $in: ids }, revokedAt: { $ne: null } }, { _id: 1 })
    .lean();
  return new Set(found.map(({ _id }) => _id.toHexString()));
}

function idsOf(entries: readonly Entry[], name: 'sessionId' | 'keyId'): ObjectId[] {
  return distinct(entries.flatMap((entry) => entry[name] ?? []));
}

const distinct = (ids: readonly ObjectId[]): ObjectId[] => [
  ...new Map(ids.map((id) => [id.toHexString(), id])).values(),
];

class HasEnded extends AppError {}

const hasEnded = () => new HasEnded('UNAUTHENTICATED', 'The session has ended: log in again.');
