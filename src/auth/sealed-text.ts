import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** A text that was opened, and whether it was sealed with the key that seals today. */
export interface OpenedText {
  readonly text: string;
  readonly isCurrent: boolean;
}

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts short texts for one purpose, each bound to what it belongs to, so that none can be put in another’s place. */
export class SealedText {
  private readonly keys: readonly Buffer[];

  /** The first secret seals, all open; each purpose has keys of its own, derived by HKDF (RFC 5869). */
  constructor(secrets: readonly string[], purpose: string) {
    this.keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', purpose, 32)));
  }

  /** AES-256-GCM under a random nonce, as base64url of nonce, tag and ciphertext. */
  seal(text: string, belongsTo: string): string {
    const [key] = this.keys;
    if (!key) throw new Error('Sealing needs a secret.');
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(belongsTo));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
  }

  /** The text; null when none of the secrets sealed it, for something else, or when it was changed. */
  open(sealed: string, belongsTo: string): OpenedText | null {
    const bytes = Buffer.from(sealed, 'base64url');
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
    for (const [index, key] of this.keys.entries()) {
      const text = openWith(key, bytes, belongsTo);
      if (text !== null) return { text, isCurrent: index === 0 };
    }
    return null;
  }
}

function openWith(key: Buffer, bytes: Buffer, belongsTo: string): string | null {
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(belongsTo)).setAuthTag(tag);
  try {
    const body = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([body, decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}
