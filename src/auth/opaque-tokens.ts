import { createHash, randomBytes } from 'node:crypto';

/** A refresh token and the two digests of it that may be stored; both are SHA-256 in lower-case hex. */
export interface RefreshToken {
  /** The secret itself: 64 characters of base64url, given to the client once. */
  readonly text: string;
  /** The digest of the whole token. */
  readonly tokenHash: string;
  /** The digest of the part that all tokens of one login share, so that an old one still finds its login. */
  readonly family: string;
}

const FAMILY_BYTES = 16;
const SECRET_BYTES = 32;
const FORM = /^[A-Za-z0-9_-]{64}$/;

/** A new random token: the first of a login, or the one that follows `previous` in the same login. */
export function newRefreshToken(previous?: RefreshToken): RefreshToken {
  const family = previous ? bytesOf(previous.text).subarray(0, FAMILY_BYTES) : randomBytes(FAMILY_BYTES);
  return describe(Buffer.concat([family, randomBytes(SECRET_BYTES)]));
}

/** Reads a token a client sent; null for anything that has not a token's exact form. */
export function parseRefreshToken(text: unknown): RefreshToken | null {
  return typeof text === 'string' && FORM.test(text) ? describe(bytesOf(text)) : null;
}

function describe(token: Buffer): RefreshToken {
  return {
    text: token.toString('base64url'),
    tokenHash: sha256(token),
    family: sha256(token.subarray(0, FAMILY_BYTES)),
  };
}

const bytesOf = (text: string) => Buffer.from(text, 'base64url');
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
