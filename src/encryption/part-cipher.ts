import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { Encryptor } from './encryptor.ts';
import { SegmentReader } from './segment-reader.ts';
import { cipherSize, spanOf } from './segments.ts';

const SALT_BYTES = 16;
const KEY_BYTES = 32;

/** How many bytes a part of so many plain bytes is once it is encrypted. */
export function sealedPartSize(plainBytes: number): number {
  return SALT_BYTES + cipherSize(plainBytes);
}

/**
 * Encrypts one part of an upload that comes in parts. Each time a part is sent it gets a key of its own, derived, as age
 * does it, from the upload’s key and a random salt that is put in front: a part may be sent again and again.
 */
export class PartEncryptor extends Encryptor {
  constructor(uploadKey: KeyObject, number: number) {
    const salt = randomBytes(SALT_BYTES);
    super(partKey(uploadKey, salt, number));
    this.push(salt);
  }
}

/** Decrypts one part that comes in pieces; see SegmentReader. */
export class PartReader {
  readonly #uploadKey: KeyObject;
  readonly #number: number;
  readonly #plainBytes: number;
  #salt = Buffer.alloc(0);
  #segments: SegmentReader | null = null;

  constructor(uploadKey: KeyObject, number: number, plainBytes: number) {
    this.#uploadKey = uploadKey;
    this.#number = number;
    this.#plainBytes = plainBytes;
  }

  /** The plain bytes that these encrypted ones complete; throws a BrokenSeal at the first segment that is not right. */
  push(chunk: Buffer): Buffer[] {
    const missing = SALT_BYTES - this.#salt.length;
    if (missing > 0) this.#salt = Buffer.concat([this.#salt, chunk.subarray(0, missing)]);
    if (this.#salt.length < SALT_BYTES) return [];
    return this.#begun().push(chunk.subarray(missing));
  }

  /** Throws a BrokenSeal unless everything has come. */
  end(): void {
    this.#begun().end();
  }

  #begun(): SegmentReader {
    const key = () => partKey(this.#uploadKey, this.#salt, this.#number);
    this.#segments ??= new SegmentReader(key(), this.#plainBytes, spanOf(this.#plainBytes));
    return this.#segments;
  }
}

/** HKDF-SHA-256 (RFC 5869) of the upload’s key, for this salt and the part of this number. */
function partKey(uploadKey: KeyObject, salt: Buffer, number: number): KeyObject {
  return createSecretKey(
    Buffer.from(hkdfSync('sha256', uploadKey, salt, `imaginaryStorage part ${number}`, KEY_BYTES)),
  );
}
