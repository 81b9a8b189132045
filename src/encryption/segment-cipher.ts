import {
  type CipherGCM,
  createCipheriv,
  createDecipheriv,
  type DecipherGCM,
  type KeyObject,
} from 'node:crypto';
import { TAG_BYTES } from './segments.ts';

const CIPHER = 'aes-256-gcm';
const OPTIONS = { authTagLength: TAG_BYTES };
const NONCE_BYTES = 12;

/** Begins to encrypt the segment at this position; a key must see each position once. */
export function sealing(key: KeyObject, position: number, isLast: boolean): CipherGCM {
  return createCipheriv(CIPHER, key, nonceOf(position, isLast), OPTIONS);
}

/** Begins to decrypt the segment at this position; nothing of it may be used before its `final` has passed. */
export function opening(key: KeyObject, position: number, isLast: boolean): DecipherGCM {
  return createDecipheriv(CIPHER, key, nonceOf(position, isLast), OPTIONS);
}

/**
 * The nonce of STREAM as age writes it: the position as 11 bytes, big-endian, then 1 for the last segment and 0 for every
 * other. It may be the same for each content because each has a key of its own, which never encrypts anything else.
 */
function nonceOf(position: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  // Positions stay below 2^37, of which the higher bytes would be zero.
  nonce.writeUIntBE(position, 5, 6);
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0;
  return nonce;
}
