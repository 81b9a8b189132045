import type { AccessClaims } from '../../auth/access-tokens.ts';
import type { Viewer } from '../viewer.ts';

/** How long an answer may be used, how many are kept, and a monotonic clock in milliseconds. */
export interface SessionCacheOptions {
  readonly maxAgeMs?: number;
  readonly maxEntries?: number;
  readonly now?: () => number;
}

interface Entry {
  readonly viewer: Promise<Viewer | null>;
  readonly until: number;
  /** The account, as soon as it is known. */
  userId?: string;
}

/**
 * Remembers for at most 5 seconds which sessions and API keys were found live; what is forgotten is looked up anew at
 * once.
 */
export class SessionCache {
  private readonly entries = new Map<string, Entry>();
  private readonly maxAgeMs: number;
  private readonly maxEntries: number;
  private readonly now: () => number;

  constructor({
    maxAgeMs = 5_000,
    maxEntries = 10_000,
    now = () => performance.now(),
  }: SessionCacheOptions = {}) {
    this.maxAgeMs = maxAgeMs;
    this.maxEntries = maxEntries;
    this.now = now;
  }

  /**
   * The remembered viewer of an access token’s claims or of an API key’s digest, or what `look` finds; callers that miss
   * together share one look.
   */
  get(of: AccessClaims | string, look: () => Promise<Viewer | null>): Promise<Viewer | null> {
    const key = typeof of === 'string' ? of : keyOf(of.userId, of.sessionId);
    const held = this.entries.get(key);
    if (held && held.until > this.now()) return held.viewer;

    // The entry is the look itself, held from before it begins: forgetting it while it runs leaves nothing that
    // could put an outdated answer back, and its age counts from before the database was asked.
    const entry: Entry = { until: this.now() + this.maxAgeMs, viewer: look() };
    this.hold(key, entry);
    entry.viewer.then(
      (viewer) => {
        if (viewer) entry.userId = String(viewer.userId);
        else this.drop(key, entry);
      },
      () => this.drop(key, entry),
    );
    return entry.viewer;
  }

  /** Forgets one API key; call it after the change is stored. */
  forgetKey(tokenHash: string): void {
    this.entries.delete(tokenHash);
  }

  /** Forgets one session of a user, or all of them and the user’s API keys; call it after the change is stored. */
  forget(userId: string, sessionId?: string): void {
    if (sessionId !== undefined) {
      this.entries.delete(keyOf(userId, sessionId));
      return;
    }
    for (const [key, entry] of this.entries) {
      // A key does not tell whose it is before it was looked up.
      if (key.startsWith(keyOf(userId, '')) || entry.userId === userId || entry.userId === undefined)
        this.entries.delete(key);
    }
  }

  private hold(key: string, entry: Entry): void {
    this.entries.delete(key);
    // All entries live equally long, so the first of the map is always the oldest.
    const [oldest] = this.entries.keys();
    if (oldest !== undefined && this.entries.size >= this.maxEntries) this.entries.delete(oldest);
    this.entries.set(key, entry);
  }

  private drop(key: string, entry: Entry): void {
    if (this.entries.get(key) === entry) this.entries.delete(key);
  }
}

const keyOf = (userId: string, sessionId: string) => `${userId}.${sessionId}`;
