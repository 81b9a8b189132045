import { createSecretKey, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { AppError } from '../errors.ts';

/** Whom a verified access token speaks for; both are ObjectIds in hex. */
export interface AccessClaims {
  readonly userId: string;
  readonly sessionId: string;
}

/** An access token and when it ends. */
export interface AccessToken {
  readonly text: string;
  readonly expiresAt: Date;
}

/** What access tokens are signed and checked with. */
export interface AccessTokenOptions {
  /** The first signs, all verify: put a new one in front to replace the others. */
  readonly secrets: readonly string[];
  readonly issuer: string;
  readonly audience: string;
  /** How long a token lives, in seconds; 15 minutes by default. */
  readonly lifetimeSeconds?: number;
}

const ALGORITHM = 'HS256';
const OBJECT_ID = /^[0-9a-f]{24}$/;

/** Signs and verifies the short-lived tokens that requests carry: JWT, HS256. */
export class AccessTokens {
  private readonly signingKey: KeyObject;
  private readonly keys: readonly KeyObject[];
  private readonly issuer: string;
  private readonly audience: string;
  private readonly lifetimeSeconds: number;

  constructor({ secrets, issuer, audience, lifetimeSeconds = 15 * 60 }: AccessTokenOptions) {
    // A key object spares the library from trying each time whether the text is a public key.
    const keys = secrets.filter(Boolean).map((secret) => createSecretKey(Buffer.from(secret)));
    const [first] = keys;
    if (!first || keys.length < secrets.length)
      throw new Error('Access tokens need at least one secret, and none empty');
    this.signingKey = first;
    this.keys = keys;
    this.issuer = issuer;
    this.audience = audience;
    this.lifetimeSeconds = lifetimeSeconds;
  }

  /** A token for one session, valid from now. */
  issue({ userId, sessionId }: AccessClaims): AccessToken {
    const iat = Math.floor(Date.now() / 1000);
    const exp = iat + this.lifetimeSeconds;
    const claims = { sub: userId, sid: sessionId, iat, exp, iss: this.issuer, aud: this.audience };
    const text = jwt.sign(claims, this.signingKey, { algorithm: ALGORITHM });
    return { text, expiresAt: new Date(exp * 1000) };
  }

  /** What a token claims; rejects everything not signed here for this audience and still valid as UNAUTHENTICATED. */
  verify(text: unknown): AccessClaims {
    if (typeof text !== 'string') throw refused();
    const claims = this.verifiedPayload(text);
    // The library checks `exp` only where it is present.
    if (typeof claims !== 'object' || typeof claims.exp !== 'number') throw refused();
    const { sub, sid } = claims;
    if (!isObjectId(sub) || !isObjectId(sid)) throw refused();
    return { userId: sub, sessionId: sid };
  }

  private verifiedPayload(text: string): string | jwt.JwtPayload {
    let cause: unknown;
    for (const key of this.keys) {
      try {
        return jwt.verify(text, key, {
          algorithms: [ALGORITHM],
          issuer: this.issuer,
          audience: this.audience,
        });
      } catch (error) {
        // Only a token whose signature holds is found expired, so another secret can't change that.
        if (error instanceof jwt.TokenExpiredError) throw expired(error);
        cause = error;
      }
    }
    throw refused(cause);
  }
}

const isObjectId = (value: unknown): value is string => typeof value === 'string' && OBJECT_ID.test(value);

const expired = (cause: unknown) =>
  new AppError('UNAUTHENTICATED', 'The access token has expired: get a new one with `refreshToken`.', {
    cause,
  });

const refused = (cause?: unknown) =>
  new AppError('UNAUTHENTICATED', 'The access token is not valid.', { cause });
