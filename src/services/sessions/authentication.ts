import { looksLikeApiKey } from '../../auth/api-keys.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Viewer } from '../viewer.ts';
import type { ApiKeyService } from './api-keys.ts';
import type { SessionService } from './sessions.ts';

/** Whom a Bearer token speaks for, whatever kind of token it is. */
export class Authentication {
  private readonly sessions: SessionService;
  private readonly apiKeys: ApiKeyService;

  constructor(sessions: SessionService, apiKeys: ApiKeyService) {
    this.sessions = sessions;
    this.apiKeys = apiKeys;
  }

  /** The viewer of a live session or a live API key whose account is active; rejects with UNAUTHENTICATED. */
  async authenticate(bearer: string): Promise<Viewer> {
    return looksLikeApiKey(bearer) ? this.apiKeys.authenticate(bearer) : this.sessions.authenticate(bearer);
  }

  /**
   * Who the viewer, whom this token once proved, is now: while the session or the key lives, whether or not the access
   * token has run out meanwhile; else UNAUTHENTICATED.
   */
  async again({ userId, sessionId }: Viewer, bearer: string): Promise<Viewer> {
    if (!sessionId) return this.apiKeys.authenticate(bearer);
    return this.sessions.resume({ userId: userId.toHexString(), sessionId: sessionId.toHexString() });
  }

  /** Whether a key that made an address for this account still works. */
  isLiveKey(userId: ObjectId, keyId: ObjectId): Promise<boolean> {
    return this.apiKeys.isLive(userId, keyId);
  }
}

/** The access token or API key of `Bearer …` (RFC 6750 section 2.1); null without one. */
export function bearerIn(authorization: string | undefined): string | null {
  return /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1] ?? null;
}
