import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** An API key, and what of it may be stored. */
export interface ApiKeyText {
  /** The secret itself: `imst_` and 49 characters of base64url, given to its owner once. */
  readonly text: string;
  /** How it begins: enough to tell it from others, too little to be of any use. */
  readonly prefix: string;
  /** SHA-256 of the whole text in lower-case hex. */
  readonly tokenHash: string;
}

const BRAND = 'imst_';
const SECRET_BYTES = 32;
const SECRET_CHARACTERS = 43;
const SHOWN_CHARACTERS = BRAND.length + 6;
const FORM = /^imst_[\w-]{49}$/;

/** A new random key. */
export function newApiKey(): ApiKeyText {
  return describe(textOf(randomBytes(SECRET_BYTES)));
}

/** Whether a Bearer token claims to be an API key. */
export const looksLikeApiKey = (bearer: string): boolean => bearer.startsWith(BRAND);

/** Reads a key that a client sent; null for what was never one: mistyped, cut, or made up without its checksum. */
export function parseApiKey(text: unknown): ApiKeyText | null {
  if (typeof text !== 'string' || !FORM.test(text)) return null;
  const secret = Buffer.from(text.slice(BRAND.length, BRAND.length + SECRET_CHARACTERS), 'base64url');
  // The last of 43 characters carries 2 bits that decoding drops: two texts must not be one key.
  return textOf(secret) === text ? describe(text) : null;
}

/** The brand, the secret, and 6 characters by which a key can be told from its likes without asking anybody. */
function textOf(secret: Buffer): string {
  const body = secret.toString('base64url');
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return `${BRAND}${body}${checksum.toString('base64url')}`;
}

function describe(text: string): ApiKeyText {
  return {
    text,
    prefix: text.slice(0, SHOWN_CHARACTERS),
    tokenHash: createHash('sha256').update(text).digest('hex'),
  };
}
