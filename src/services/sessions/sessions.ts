import type { AccessClaims, AccessTokens } from '../../auth/access-tokens.ts';
import { newRefreshToken, parseRefreshToken } from '../../auth/opaque-tokens.ts';
import { AppError } from '../../errors.ts';
import { AuditAction, AuditOutcome } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { type ObjectId, parseId, type QueryFilter } from '../../models/object-id.ts';
import type { Session } from '../../models/session.ts';
import type { User } from '../../models/user.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { ClientFacts, Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import { SessionCache } from './session-cache.ts';

/** What a client needs to act as a session, with the moments at which each token ends. */
export interface SessionTokens {
  readonly sessionId: ObjectId;
  readonly accessToken: string;
  readonly accessExpiresAt: Date;
  readonly refreshToken: string;
  readonly refreshExpiresAt: Date;
}

/** A user and the tokens of the session it just opened or refreshed. */
export interface SignedIn {
  readonly user: User;
  readonly tokens: SessionTokens;
}

/** Told when sessions of an account have ended, one of them or all but one, to end what runs for them. */
export interface SessionEnds {
  endSessions(userId: ObjectId, which?: { only?: ObjectId; except?: ObjectId | undefined }): void;
}

/** What sessions are made of; `cache` may be given to share it or to shorten its memory. */
export interface SessionServiceOptions {
  readonly collections: Pick<Collections, 'users' | 'sessions'>;
  readonly accessTokens: AccessTokens;
  readonly cache?: SessionCache;
  readonly ends?: SessionEnds;
  readonly audit: Pick<AuditTrail, 'record'>;
}

type SessionKey = Pick<Session, '_id' | 'userId'>;

const REFRESH_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;
const USER_AGENT_LENGTH = 300;
/** The most sessions that a list holds. */
export const MOST_LISTED = 1_000;

/** Logins: one document each, whose refresh token rotates in single atomic steps, so no order of events revives one. */
export class SessionService {
  private readonly users: Collections['users'];
  private readonly sessions: Collections['sessions'];
  private readonly accessTokens: AccessTokens;
  private readonly cache: SessionCache;
  private readonly ends: SessionEnds | null;
  private readonly audit: SessionServiceOptions['audit'];

  constructor(options: SessionServiceOptions) {
    const { collections, accessTokens, cache = new SessionCache(), ends, audit } = options;
    this.users = collections.users;
    this.sessions = collections.sessions;
    this.accessTokens = accessTokens;
    this.cache = cache;
    this.ends = ends ?? null;
    this.audit = audit;
  }

  /** Opens a session for a user whose credentials the caller has checked. */
  async create(user: Pick<User, '_id'>, client: ClientFacts): Promise<SessionTokens> {
    const token = newRefreshToken();
    const now = new Date();
    const session = await this.sessions.create({
      userId: user._id,
      tokenHash: token.tokenHash,
      family: token.family,
      userAgent: client.userAgent?.slice(0, USER_AGENT_LENGTH) ?? null,
      ip: client.ip,
      lastUsedAt: now,
      expiresAt: refreshExpiry(now),
      revokedAt: null,
    });
    return this.tokensOf(session, token.text);
  }

  /**
   * Exchanges a refresh token for new tokens, once: of concurrent uses exactly one succeeds, and any use of a token
   * that is no longer the current one ends its session. Everything refused is UNAUTHENTICATED.
   */
  async refresh(text: unknown): Promise<SignedIn> {
    const presented = parseRefreshToken(text);
    if (!presented) throw refused();
    const next = newRefreshToken(presented);
    const now = new Date();
    const session = await this.sessions
      .findOneAndUpdate(
        {
          family: presented.family,
          tokenHash: presented.tokenHash,
          revokedAt: null,
          expiresAt: { $gt: now },
        },
        { $set: { tokenHash: next.tokenHash, lastUsedAt: now, expiresAt: refreshExpiry(now) } },
        { returnDocument: 'after' },
      )
      .lean();
    if (!session) {
      await this.revokeFamily(presented.family);
      throw refused();
    }
    const user = await this.users.findOne({ _id: session.userId, ...USABLE }).lean();
    if (!user) {
      await this.end(session);
      throw refused();
    }
    return { user: withId(user), tokens: this.tokensOf(session, next.text) };
  }

  /** Who an access token speaks for, while its session is live and its user active; else UNAUTHENTICATED. */
  async authenticate(accessToken: unknown): Promise<Viewer> {
    return this.resume(this.accessTokens.verify(accessToken));
  }

  /** Who a session speaks for that proved itself before, while it is live and its user active; else UNAUTHENTICATED. */
  async resume(claims: AccessClaims): Promise<Viewer> {
    const viewer = await this.cache.get(claims, () => this.findViewer(claims));
    if (!viewer) throw new AppError('UNAUTHENTICATED', 'This session has ended: log in again.');
    return viewer;
  }

  /** A user's live sessions, the most recently used first. */
  async list(userId: ObjectId): Promise<Session[]> {
    const sessions = await this.sessions
      .find({ userId, ...live() })
      .sort({ lastUsedAt: -1, _id: -1 })
      // The planner may otherwise try the index on expiresAt, and sort in memory.
      .hint('user_sessions')
      .limit(MOST_LISTED)
      .lean();
    return sessions.map(withId);
  }

  /** Ends one live session of the viewer's; any other id is NOT_FOUND. */
  async revoke(viewer: Viewer, id: unknown): Promise<void> {
    const _id = parseId(id);
    const ended = _id && (await this.revokeOne({ _id, userId: viewer.userId, ...live() }));
    if (!ended) throw notFound();
    await this.audit.record({ action: AuditAction.SESSION_REVOKED, by: viewer, target: _id });
  }

  /** Ends the session, if it has not ended yet. */
  async end({ _id, userId }: SessionKey): Promise<void> {
    await this.revokeOne({ _id, userId, revokedAt: null });
  }

  /** Ends all live sessions of a user but `except`, with their access tokens; resolves with how many. */
  async revokeAll(userId: ObjectId, except?: ObjectId): Promise<number> {
    const others = except ? { _id: { $ne: except } } : {};
    try {
      const revoked = await this.sessions.updateMany(
        { userId, ...live(), ...others },
        { $set: { revokedAt: new Date() } },
      );
      return revoked.modifiedCount;
    } finally {
      this.forgetUser(userId);
      this.ends?.endSessions(userId, { except });
    }
  }

  /** Makes the next request of each of the user's sessions look again at whether it may go on. */
  forgetUser(userId: ObjectId): void {
    this.cache.forget(userId.toHexString());
  }

  private async revokeFamily(family: string): Promise<void> {
    const session = await this.revokeOne({ family, revokedAt: null });
    // Of a session that had ended before, an old token tells nothing new.
    if (!session) return;
    await this.audit.record({
      action: AuditAction.REFRESH_TOKEN_REUSED,
      outcome: AuditOutcome.REFUSED,
      subject: session.userId,
      target: session._id,
    });
  }

  private async revokeOne(filter: QueryFilter<Session>): Promise<SessionKey | null> {
    const session = await this.sessions
      .findOneAndUpdate(filter, { $set: { revokedAt: new Date() } }, { projection: { userId: 1 } })
      .lean();
    if (!session) return null;
    this.cache.forget(session.userId.toHexString(), session._id.toHexString());
    this.ends?.endSessions(session.userId, { only: session._id });
    return session;
  }

  private async findViewer({ userId, sessionId }: AccessClaims): Promise<Viewer | null> {
    const [session, user] = await Promise.all([
      this.sessions.findOne({ _id: sessionId, userId, ...live() }, { _id: 1 }).lean(),
      this.users.findOne({ _id: userId, ...USABLE }, { role: 1, isEmailVerified: 1 }).lean(),
    ]);
    if (!session || !user) return null;
    const { _id, role, isEmailVerified } = user;
    return { userId: _id, sessionId: session._id, role, isEmailVerified };
  }

  private tokensOf(session: SessionKey & Pick<Session, 'expiresAt'>, refreshToken: string): SessionTokens {
    const access = this.accessTokens.issue({
      userId: session.userId.toHexString(),
      sessionId: session._id.toHexString(),
    });
    return {
      sessionId: session._id,
      accessToken: access.text,
      accessExpiresAt: access.expiresAt,
      refreshToken,
      refreshExpiresAt: session.expiresAt,
    };
  }
}

/** What a user must be to log in or to go on. */
export const USABLE = { isActive: true, deletedAt: null } as const;

// MongoDB removes expired sessions up to minutes late, so every query says itself what is live.
const live = () => ({ revokedAt: null, expiresAt: { $gt: new Date() } });

const refreshExpiry = (now: Date) => new Date(now.getTime() + REFRESH_LIFETIME_MS);
const refused = () =>
  new AppError('UNAUTHENTICATED', 'The refresh token is not valid any more: log in again.');
const notFound = () => new AppError('NOT_FOUND', 'There is no such session.');
