/** scrypt's parameters: N is 2 to the power of `ln`. */
export interface ScryptCost {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** A stored password hash, by the function that made it. */
export type PasswordHash =
  | { readonly kind: 'scrypt'; readonly cost: ScryptCost; readonly salt: Buffer; readonly key: Buffer }
  | { readonly kind: 'pbkdf2'; readonly salt: string; readonly key: Buffer };

const PHC =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43,86})$/;
const SALT_AND_HASH = /^([0-9a-f]{16,128}):((?:[0-9a-f]{2}){32,64})$/i;

/** The most memory that checking a stored hash may take, in bytes. */
const MOST_MEMORY = 64 * 1024 * 1024;
const MOST_WORK = 8 * MOST_MEMORY;

/** The bytes scrypt allocates for a cost. */
export function memoryOf({ ln, r, p }: ScryptCost): number {
  return 128 * r * (2 ** ln + p + 2);
}

/** The PHC string of a scrypt hash: `$scrypt$ln=15,r=8,p=3$salt$key`, base64 without padding. */
export function phcString({ ln, r, p }: ScryptCost, salt: Buffer, key: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(key)}`;
}

/** Reads a stored hash of either form; null for anything else and for costs that would exhaust the server. */
export function parsePasswordHash(stored: unknown): PasswordHash | null {
  if (typeof stored !== 'string' || stored.length > 300) return null;
  return parsePhc(stored) ?? parseSaltAndHash(stored);
}

function parsePhc(stored: string): PasswordHash | null {
  const [, ln, r, p, salt = '', key = ''] = PHC.exec(stored) ?? [];
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  if (!isBounded(cost)) return null;
  return { kind: 'scrypt', cost, salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64') };
}

function isBounded(cost: ScryptCost): boolean {
  const memory = memoryOf(cost);
  // RFC 7914 section 2: N must be less than 2^(128 * r / 8).
  const isDefined = cost.ln >= 1 && cost.ln < 16 * cost.r && cost.p >= 1;
  return isDefined && memory <= MOST_MEMORY && memory * cost.p <= MOST_WORK;
}

function parseSaltAndHash(stored: string): PasswordHash | null {
  const [, salt, key] = SALT_AND_HASH.exec(stored) ?? [];
  if (salt === undefined || key === undefined) return null;
  return { kind: 'pbkdf2', salt, key: Buffer.from(key, 'hex') };
}

const unpadded = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
