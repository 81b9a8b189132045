import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** Signs short texts for one purpose, so that a signature made for one is worth nothing for another. */
export class Signer {
  private readonly keys: readonly Buffer[];

  /** The first secret signs, all verify; each purpose has keys of its own, derived by HKDF (RFC 5869). */
  constructor(secrets: readonly string[], purpose: string) {
    this.keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', purpose, 32)));
  }

  /** HMAC-SHA-256 of the text as 43 base64url characters. */
  sign(text: string): string {
    const [key] = this.keys;
    if (!key) throw new Error('A signer needs a secret.');
    return mac(key, text).toString('base64url');
  }

  /** Whether the signature is one of ours for this text, in constant time; any malformed one is not. */
  verify(text: string, signature: unknown): boolean {
    if (typeof signature !== 'string' || !/^[\w-]{43}$/.test(signature)) return false;
    const given = Buffer.from(signature, 'base64url');
    // The last of 43 characters carries 4 bits that decoding drops: two texts must not be one signature.
    if (given.toString('base64url') !== signature) return false;
    return this.keys.some((key) => timingSafeEqual(mac(key, text), given));
  }

  /** A JSON value as a text that only we can make: its base64url, a dot, and the signature. */
  pack(value: unknown): string {
    const payload = Buffer.from(JSON.stringify(value)).toString('base64url');
    return `${payload}.${this.sign(payload)}`;
  }

  /** The value of such a text; undefined for any other. */
  unpack(text: string): unknown {
    const dot = text.indexOf('.');
    const payload = text.slice(0, Math.max(dot, 0));
    if (dot < 0 || !this.verify(payload, text.slice(dot + 1))) return undefined;
    return JSON.parse(Buffer.from(payload, 'base64url').toString());
  }
}

function mac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
