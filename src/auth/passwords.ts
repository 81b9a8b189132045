import { pbkdf2, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { memoryOf, parsePasswordHash, phcString, type ScryptCost } from './password-hash.ts';
import { WorkQueue } from './work-queue.ts';

/** scrypt off the event loop; the tests count its calls. */
export type DeriveKey = (
  password: string,
  salt: Buffer,
  length: number,
  options: ScryptOptions,
) => Promise<Buffer>;

/** What may differ from the house's choice; a cheaper cost is for tests. */
export interface PasswordOptions {
  readonly cost?: ScryptCost;
  readonly derive?: DeriveKey;
}

const COST: ScryptCost = { ln: 15, r: 8, p: 3 };
const SALT_BYTES = 16;
const KEY_BYTES = 64;
const OLD_ROUNDS = 10_000;
// Each derivation holds 32 MiB and one of libuv's few threads, which file reads and writes need too.
const AT_ONCE = 2;
const MAY_WAIT = 128;

const scryptOffLoop: DeriveKey = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);
const pbkdf2OffLoop = promisify(pbkdf2);

/** Makes and checks password hashes, two at a time; rejects with RATE_LIMITED when too many wait. */
export class Passwords {
  private readonly cost: ScryptCost;
  private readonly derive: DeriveKey;
  private readonly queue = new WorkQueue(AT_ONCE, MAY_WAIT);
  private readonly nobodysSalt = randomBytes(SALT_BYTES);

  constructor({ cost = COST, derive = scryptOffLoop }: PasswordOptions = {}) {
    this.cost = cost;
    this.derive = derive;
  }

  /** A PHC string with a salt of its own. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    return phcString(this.cost, salt, await this.scrypt(password, salt, KEY_BYTES, this.cost));
  }

  /** Whether the stored hash, of today's or the older form, is this password's; false for a string that is no hash. */
  async verify(password: string, stored: string): Promise<boolean> {
    const parsed = parsePasswordHash(stored);
    if (parsed?.kind === 'scrypt') {
      const key = await this.scrypt(password, parsed.salt, parsed.key.length, parsed.cost);
      return timingSafeEqual(key, parsed.key);
    }
    if (parsed?.kind === 'pbkdf2' && (await this.matchesOldForm(password, parsed.salt, parsed.key)))
      return true;
    // A wrong password for an older or unusable hash must not be told from others by being refused faster.
    return this.verifyAgainstNothing(password);
  }

  /** Always false, after the same work as `verify`: for accounts that don't exist. */
  async verifyAgainstNothing(password: string): Promise<false> {
    await this.scrypt(password, this.nobodysSalt, KEY_BYTES, this.cost);
    return false;
  }

  /** Whether a hash that just verified should be replaced by one of today's form and cost. */
  needsRehash(stored: string): boolean {
    const parsed = parsePasswordHash(stored);
    if (parsed?.kind !== 'scrypt') return true;
    const { cost, salt, key } = parsed;
    return (
      cost.ln !== this.cost.ln ||
      cost.r !== this.cost.r ||
      cost.p !== this.cost.p ||
      salt.length !== SALT_BYTES ||
      key.length !== KEY_BYTES
    );
  }

  private scrypt(password: string, salt: Buffer, length: number, cost: ScryptCost): Promise<Buffer> {
    const { ln, r, p } = cost;
    // Node refuses costs above 32 MiB unless told; a little more than needed, since OpenSSL counts its own overhead.
    const maxmem = memoryOf(cost) + 1024 * 1024;
    return this.queue.run(() => this.derive(password, salt, length, { N: 2 ** ln, r, p, maxmem }));
  }

  private matchesOldForm(password: string, salt: string, key: Buffer): Promise<boolean> {
    return this.queue.run(async () => {
      // Old writers fed the salt's hex text to PBKDF2 or the bytes it stands for; nothing stored tells which.
      for (const encoding of ['utf8', 'hex'] as const) {
        const bytes = Buffer.from(salt, encoding);
        const derived = await pbkdf2OffLoop(password, bytes, OLD_ROUNDS, key.length, 'sha512');
        if (timingSafeEqual(derived, key)) return true;
      }
      return false;
    });
  }
}
