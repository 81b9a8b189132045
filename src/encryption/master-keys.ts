import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { KeyFailure } from './key-failure.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OPTIONS = { authTagLength: TAG_BYTES };

/** A data key as it may be kept. */
export interface WrappedKey {
  /** The name of the master key that wraps it. */
  readonly keyId: string;
  /** Nonce, encrypted key and tag in base64: 12, 32 and 16 bytes. */
  readonly wrappedKey: string;
}

/** A new data key: 256 random bits, for one content alone. */
export function newDataKey(): KeyObject {
  return createSecretKey(randomBytes(KEY_BYTES));
}

/** The keys that wrap data keys. They are held as key objects, which no log or error shows. */
export class MasterKeys {
  readonly #keys: ReadonlyMap<string, KeyObject>;
  /** The name of the one that wraps new data keys; null where there is none. */
  readonly current: string | null;

  /** Takes entries of the form `name:base64`, the current one first; throws, naming no secret, where one is not right. */
  constructor(entries: readonly string[]) {
    const keys = new Map<string, KeyObject>();
    for (const entry of entries) {
      const colon = entry.indexOf(':');
      const name = entry.slice(0, Math.max(0, colon));
      const bytes = Buffer.from(entry.slice(colon + 1), 'base64');
      if (!name || bytes.length !== KEY_BYTES)
        throw new Error('A master key must be `name:base64` of 32 bytes.');
      if (keys.has(name)) throw new Error(`Two master keys are called ${name}.`);
      keys.set(name, createSecretKey(bytes));
    }
    this.#keys = keys;
    this.current = keys.keys().next().value ?? null;
  }

  /** The names of all of them. */
  get names(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** Wraps a data key with the current master key, for this owner alone; throws where there is none. */
  wrap(key: KeyObject, owner: string): WrappedKey {
    if (this.current === null) throw new KeyFailure('none', 'missing');
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#of(this.current), nonce, OPTIONS).setAAD(Buffer.from(owner));
    const parts = [nonce, cipher.update(key.export()), cipher.final(), cipher.getAuthTag()];
    return { keyId: this.current, wrappedKey: Buffer.concat(parts).toString('base64') };
  }

  /** The data key that was wrapped for this owner; throws a KeyFailure where its master key is missing or another one. */
  unwrap({ keyId, wrappedKey }: WrappedKey, owner: string): KeyObject {
    const master = this.#of(keyId);
    const bytes = Buffer.from(wrappedKey, 'base64');
    try {
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv(CIPHER, master, nonce, OPTIONS).setAAD(Buffer.from(owner));
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES + KEY_BYTES));
      const key = decipher.update(bytes.subarray(NONCE_BYTES, NONCE_BYTES + KEY_BYTES));
      decipher.final();
      return createSecretKey(key);
    } catch (cause) {
      throw new KeyFailure(keyId, 'wrong', cause);
    }
  }

  #of(name: string): KeyObject {
    const key = this.#keys.get(name);
    if (!key) throw new KeyFailure(name, 'missing');
    return key;
  }
}
