import { createHash, randomBytes } from 'node:crypto';

/** A token that goes to a person by mail, and the digest of it that may be stored. */
export interface MailedToken {
  /** The secret itself: 32 random bytes as 64 hex digits. */
  readonly text: string;
  /** SHA-256 of the bytes, in lower-case hex. */
  readonly hash: string;
}

const BYTES = 32;
const FORM = /^[0-9a-f]{64}$/i;

/** A new random token. */
export function newMailedToken(): MailedToken {
  const bytes = randomBytes(BYTES);
  return { text: bytes.toString('hex'), hash: sha256(bytes) };
}

/** The digest of a token that a client sent; null for anything that has not a token’s exact form. */
export function mailedTokenHash(text: unknown): string | null {
  return typeof text === 'string' && FORM.test(text) ? sha256(Buffer.from(text, 'hex')) : null;
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
