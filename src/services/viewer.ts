import type { Scope } from '../models/api-key.ts';
import type { ObjectId } from '../models/object-id.ts';
import type { Role } from '../models/user.ts';

/** Who is asking, as proved by a live session or by an API key. */
export interface Viewer {
  readonly userId: ObjectId;
  /** The session; null for an API key. */
  readonly sessionId: ObjectId | null;
  /** USER for an API key, whosever it is: no key administers anything. */
  readonly role: Role;
  /** Whether the account proved to receive mail at its address. */
  readonly isEmailVerified: boolean;
  /** The API key that spoke; absent for a session, which may do all that its account may. */
  readonly key?: KeyGrant;
}

/** What an API key may do. */
export interface KeyGrant {
  readonly id: ObjectId;
  readonly scopes: readonly Scope[];
  /** When it ends; null is never. */
  readonly expiresAt: Date | null;
}

/** On whose behalf something runs: a viewer, or an account alone where no session and no key stands behind it. */
export interface RunsFor {
  readonly userId: ObjectId;
  readonly sessionId?: ObjectId | null | undefined;
  readonly key?: { readonly id: ObjectId } | undefined;
}

/** Where a request came from, by server facts only. */
export interface ClientFacts {
  readonly ip: string | null;
  readonly userAgent: string | null;
}
