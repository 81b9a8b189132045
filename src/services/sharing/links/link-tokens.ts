import { createHash, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 32;
const FORM = /^[A-Za-z0-9_-]{43}$/;

/** A new random token of a link, 43 characters of base64url, and the only digest of it that may be stored. */
export function newLinkToken(): { readonly text: string; readonly tokenHash: string } {
  const text = randomBytes(TOKEN_BYTES).toString('base64url');
  return { text, tokenHash: sha256(text) };
}

/** The stored digest, SHA-256 in hex, of a token that a client sent; null for anything that has not a token’s form. */
export function linkTokenHash(text: unknown): string | null {
  return typeof text === 'string' && FORM.test(text) ? sha256(text) : null;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
