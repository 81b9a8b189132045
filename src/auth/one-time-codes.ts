import { createHash, randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';

// What every authenticator app knows; RFC 6238's own defaults.
const ALGORITHM = 'SHA1';
const DIGITS = 6;
const PERIOD_SECONDS = 30;
const SECRET_BYTES = 20;

// RFC 6238, 5.2: "We RECOMMEND that at most one time step is allowed as the network delay"; one ahead too, for phones
// whose clocks are fast.
const WINDOW = 1;

/** A new shared secret (RFC 4226: 160 bits), in base32 as people type it. */
export function newSharedSecret(): string {
  return new Secret({ size: SECRET_BYTES }).base32;
}

/** The `otpauth://` address that authenticator apps read from a QR code. */
export function otpauthUri(secret: string, issuer: string, account: string): string {
  return totpOf(secret, issuer, account).toString();
}

/** The time step that the code is of, when it is of this one or of a neighbour; null for every other text. */
export function stepOfCode(secret: string, code: unknown, now: number): number | null {
  if (typeof code !== 'string') return null;
  const token = code.replace(/[\s-]/g, '');
  if (!/^\d{6}$/.test(token)) return null;
  const delta = totpOf(secret).validate({ token, timestamp: now, window: WINDOW });
  return delta === null ? null : TOTP.counter({ period: PERIOD_SECONDS, timestamp: now }) + delta;
}

// Crockford's base32: no letter that looks like a digit, so that what is read from paper is typed right.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const GROUPS = 5;
const GROUP_LENGTH = 4;
const RECOVERY_CODE = /^[0-9A-HJKMNP-TV-Z]{20}$/;

/** So many recovery codes of 100 random bits, in five groups such as `7K2M-Q0XV-…`. */
export function newRecoveryCodes(count: number): string[] {
  return Array.from({ length: count }, newRecoveryCode);
}

/** SHA-256 (hex) of a recovery code, however it was typed; null for a text that can be none. */
export function recoveryCodeHash(text: unknown): string | null {
  if (typeof text !== 'string' || text.length > 100) return null;
  const code = text.replace(/[\s-]/g, '').toUpperCase().replace(/[IL]/g, '1').replace(/O/g, '0');
  return RECOVERY_CODE.test(code) ? createHash('sha256').update(code).digest('hex') : null;
}

function newRecoveryCode(): string {
  // 256 is a multiple of 32, so every letter is as likely as any other.
  const letters = Array.from(randomBytes(GROUPS * GROUP_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]);
  return Array.from({ length: GROUPS }, (_, group) =>
    letters.slice(group * GROUP_LENGTH, (group + 1) * GROUP_LENGTH).join(''),
  ).join('-');
}

function totpOf(secret: string, issuer = '', label = 'account'): TOTP {
  return new TOTP({
    secret: Secret.fromBase32(secret),
    issuer,
    label,
    algorithm: ALGORITHM,
    digits: DIGITS,
    period: PERIOD_SECONDS,
  });
}
