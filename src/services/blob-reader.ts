import type { Readable } from 'node:stream';
import type { ByteRange } from '../blobs/blob-store.ts';
import type { Stores } from '../blobs/stores.ts';
import { AppError, hasCode } from '../errors.ts';
import type { Blob } from '../models/blob.ts';
import type { Collections } from '../models/collections.ts';
import type { ObjectId } from '../models/object-id.ts';
import type { Place } from '../models/place.ts';

/** Told when a blob was read from another copy than its first. */
export interface ReadObserver {
  fellBack(blob: ObjectId, from: Place, cause: unknown): void;
}

/** Reads blobs from wherever they lie: from the first copy, or from another where that one fails before its first byte. */
export class BlobReader {
  private readonly blobs: Collections['blobs'];
  private readonly stores: Stores;
  private readonly observer: ReadObserver;

  constructor(blobs: Collections['blobs'], stores: Stores, observer: ReadObserver) {
    this.blobs = blobs;
    this.stores = stores;
    this.observer = observer;
  }

  /** The blob’s document; rejects with STORAGE_UNAVAILABLE when there is none, since a file promises it. */
  async find(id: ObjectId | undefined): Promise<Blob> {
    const blob = id && (await this.blobs.findById(id, READ).lean());
    if (!blob) throw unreadable(new Error('The file’s blob is gone.'));
    return blob;
  }

  /**
   * The bytes, or one range of them. Rejects before any byte, with STORAGE_UNAVAILABLE when no copy can be read.
   * A first copy that is missing or short is noted to be repaired.
   */
  async open(blob: Blob, range?: ByteRange): Promise<Readable> {
    try {
      return await this.openPlace(blob, blob, range);
    } catch (cause) {
      if (hasCode(cause, 'BAD_USER_INPUT')) throw cause;
      const now = await this.find(blob._id);
      // It was moved since its document was read.
      if (now.key !== blob.key) return this.open(now, range);
      return this.openReplica(now, range, cause);
    }
  }

  /** Resolves when the copy that is read first is there in full; rejects as `open` does of that copy alone. */
  async requireFirst(blob: Blob): Promise<void> {
    const { size } = await this.stores.of(blob).stat(blob.key);
    if (size !== blob.size) throw damaged(blob, size);
  }

  private async openReplica(blob: Blob, range: ByteRange | undefined, cause: unknown): Promise<Readable> {
    if (hasCode(cause, 'NOT_FOUND') || cause instanceof DamagedCopy) await this.noteDamage(blob);
    for (const replica of blob.replicas ?? []) {
      const stream = await this.openPlace(blob, replica, range).catch(() => null);
      if (!stream) continue;
      this.observer.fellBack(blob._id, blob, cause);
      return stream;
    }
    throw hasCode(cause, 'STORAGE_UNAVAILABLE') ? cause : unreadable(cause);
  }

  private async openPlace(blob: Blob, place: Place, range?: ByteRange): Promise<Readable> {
    const { size, stream } = await this.stores.of(place).open(place.key, range);
    if (size !== blob.size) {
      stream.destroy();
      throw damaged(blob, size);
    }
    // Only where another copy could still serve is it worth while to wait for a first byte.
    if (blob.replicas?.length && size > 0) await firstByte(stream);
    return stream;
  }

  private async noteDamage({ _id, key, damagedAt }: Blob): Promise<void> {
    if (damagedAt) return;
    const now = new Date();
    // A read that can be served must not fail because a note of it could not be written.
    await this.blobs
      .updateOne({ _id, key, live: true }, { $set: { damagedAt: now, copyDueAt: now } })
      .catch(() => undefined);
  }
}

const READ = { key: 1, provider: 1, location: 1, size: 1, replicas: 1, damagedAt: 1 } as const;

class DamagedCopy extends Error {}

const damaged = (blob: Blob, size: number) =>
  new DamagedCopy(`A copy has ${size} bytes instead of ${blob.size}.`);

/** The document promises bytes that the store has lost: the caller asked rightly. */
function unreadable(cause: unknown): AppError {
  return new AppError('STORAGE_UNAVAILABLE', 'The content cannot be read now.', { cause });
}

function firstByte(stream: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      stream.off('readable', ready).off('error', settle).off('end', ready);
      if (error) reject(error);
      else resolve();
    };
    const ready = () => settle();
    stream.on('readable', ready).on('error', settle).on('end', ready);
  });
}
