import type { KeyObject } from 'node:crypto';
import { KeyFailure } from '../../encryption/key-failure.ts';
import { MasterKeys, newDataKey } from '../../encryption/master-keys.ts';
import { cipherSize } from '../../encryption/segments.ts';
import type { Blob } from '../../models/blob.ts';
import type { BlobEncryption } from '../../models/blob-encryption.ts';
import type { ObjectId } from '../../models/object-id.ts';

/** How contents are encrypted, as documents name it: STREAM over AES-256-GCM in segments of 64 KiB. */
export const ALGORITHM = 'AES-256-GCM-STREAM';

/** What a data key is for; one that was wrapped for another owner does not open. */
export interface KeyOwner {
  readonly kind: 'blob' | 'upload' | 'preview';
  readonly id: ObjectId;
}

const ALERT_EVERY_MS = 60_000;

/** Makes, wraps and unwraps the keys of contents; without master keys nothing new is encrypted. */
export class ContentKeys {
  readonly masters: MasterKeys;
  private readonly onTrouble: (failure: KeyFailure) => void;
  private readonly toldAt = new Map<string, number>();

  /** `onTrouble` hears of each master key that is missing or wrong, once a minute. */
  constructor(masters: MasterKeys, onTrouble: (failure: KeyFailure) => void = () => undefined) {
    this.masters = masters;
    this.onTrouble = onTrouble;
  }

  /** A key for a new content; null when it is to be kept plain. */
  newKey(): KeyObject | null {
    return this.masters.current === null ? null : newDataKey();
  }

  /** How a content under this key is kept by its owner. */
  wrap(key: KeyObject, owner: KeyOwner): BlobEncryption {
    return { algorithm: ALGORITHM, ...this.masters.wrap(key, nameOf(owner)) };
  }

  /** The key of the owner’s content; rejects with a KeyFailure, which is a STORAGE_UNAVAILABLE and an alert. */
  unwrap(encryption: BlobEncryption, owner: KeyOwner): KeyObject {
    try {
      if (encryption.algorithm !== ALGORITHM) throw new KeyFailure(encryption.keyId, 'wrong');
      return this.masters.unwrap(encryption, nameOf(owner));
    } catch (error) {
      if (error instanceof KeyFailure) this.alert(error);
      throw error;
    }
  }

  /** The key of a blob’s content; null where it is plain. Throws as `unwrap`. */
  of({ _id, encryption }: Pick<Blob, '_id' | 'encryption'>): KeyObject | null {
    return encryption ? this.unwrap(encryption, { kind: 'blob', id: _id }) : null;
  }

  /** Whether the blob’s content could be decrypted now, or need not be. */
  canRead(blob: Pick<Blob, '_id' | 'encryption'>): boolean {
    try {
      this.of(blob);
      return true;
    } catch {
      return false;
    }
  }

  private alert(failure: KeyFailure): void {
    const now = performance.now();
    const last = this.toldAt.get(failure.keyId);
    if (last !== undefined && now - last < ALERT_EVERY_MS) return;
    this.toldAt.set(failure.keyId, now);
    this.onTrouble(failure);
  }
}

/** Where nothing is encrypted, and nothing encrypted can be read. */
export const NO_KEYS = new ContentKeys(new MasterKeys([]));

/** How many bytes each copy of the blob has. */
export function storedSize({ size, encryption }: Pick<Blob, 'size' | 'encryption'>): number {
  return encryption ? cipherSize(size) : size;
}

/** What a file tells of how its blob is encrypted. */
export function encryptionTold({ encryption }: Partial<Pick<Blob, 'encryption'>>) {
  const { algorithm = null, keyId = null } = encryption ?? {};
  return { isEncrypted: keyId !== null, algorithm, keyId };
}

const nameOf = ({ kind, id }: KeyOwner) => `imaginaryStorage ${kind} ${id.toHexString()}`;
