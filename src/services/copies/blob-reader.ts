import type { KeyObject } from 'node:crypto';
import { pipeline, type Readable } from 'node:stream';
import type { ByteRange } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { BrokenSeal } from '../../encryption/broken-seal.ts';
import { Decryptor } from '../../encryption/decryptor.ts';
import { spanOf } from '../../encryption/segments.ts';
import { AppError, hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Place } from '../../models/place.ts';
import { type ContentKeys, NO_KEYS, storedSize } from './content-keys.ts';
import { KEPT } from './kept-blobs.ts';

/** Told how blobs are read. */
export interface ReadObserver {
  /** A blob was read from another copy than its first. */
  fellBack(blob: ObjectId, from: Place, cause: unknown): void;
  /** So many bytes are being decrypted. */
  decrypted?(bytes: number): void;
}

// How long a provider that did not answer is asked last: each read would wait for its time-out again.
const AVOID_MS = 10_000;
const MOST_MOVES = 3;

/** Reads blobs from wherever they lie: from the first copy, or from another where that one fails before its first byte. */
export class BlobReader {
  private readonly blobs: Collections['blobs'];
  private readonly stores: Stores;
  private readonly observer: ReadObserver;
  private readonly keys: ContentKeys;
  private readonly failures = new Map<string, { until: number; cause: unknown }>();

  constructor(blobs: Collections['blobs'], stores: Stores, observer: ReadObserver, keys = NO_KEYS) {
    this.blobs = blobs;
    this.stores = stores;
    this.observer = observer;
    this.keys = keys;
  }

  /** The blob’s document; rejects with STORAGE_UNAVAILABLE when there is none, since a file promises it. */
  async find(id: ObjectId | undefined): Promise<Blob> {
    const blob = id && (await this.blobs.findById(id, READ).lean());
    if (!blob) throw unreadable(new Error('The file’s blob is gone.'));
    return blob;
  }

  /**
   * The bytes, or one range of them. Rejects before any byte, with STORAGE_UNAVAILABLE when no copy can be read, with
   * BAD_USER_INPUT for a range that begins beyond the blob’s end. A copy that is missing or short is noted to be repaired.
   * Encrypted content is decrypted, and fails before the first byte that is not what was encrypted.
   */
  async open(blob: Blob, range?: ByteRange): Promise<Readable> {
    if (range && range.start >= blob.size) {
      throw new AppError('BAD_USER_INPUT', 'The range lies outside of the content.');
    }
    return this.openAny(blob, range, MOST_MOVES);
  }

  /** Resolves when the copy that is read first is there in full; rejects as `open` does of that copy alone. */
  async requireFirst(blob: Blob): Promise<void> {
    if (blob.damagedAt) throw new DamagedCopy('The copy was found damaged.');
    const { size } = await this.stores.of(blob).stat(blob.key);
    if (size !== storedSize(blob)) throw damaged(blob, size);
  }

  private async openAny(blob: Blob, range: ByteRange | undefined, moves: number): Promise<Readable> {
    const dataKey = this.keys.of(blob);
    const failed: { place: Place; cause: unknown }[] = [];
    for (const place of this.inOrder(blob)) {
      try {
        const stream = await this.openPlace(blob, place, range, dataKey);
        if (place !== blob) this.observer.fellBack(blob._id, blob, failed[0]?.cause ?? this.known(blob));
        this.noteDamage(blob, failed);
        return stream;
      } catch (cause) {
        failed.push({ place, cause });
      }
      // It may have been moved since its document was read.
      const now = moves > 0 ? await this.find(blob._id).catch(() => blob) : blob;
      if (now.key !== blob.key || now.provider !== blob.provider) return this.openAny(now, range, moves - 1);
    }
    this.noteDamage(blob, failed);
    const cause = failed.find(({ place }) => place === blob)?.cause;
    throw hasCode(cause, 'STORAGE_UNAVAILABLE') ? cause : unreadable(cause);
  }

  /** The copies, that first which most probably can be read and is right. */
  private inOrder(blob: Blob): readonly Place[] {
    const replicas = blob.replicas ?? [];
    const places = blob.damagedAt ? [...replicas, blob] : [blob, ...replicas];
    const isAvoided = ({ provider }: Place) => (this.failures.get(provider)?.until ?? 0) > performance.now();
    return places.length < 2
      ? places
      : places.toSorted((a, b) => Number(isAvoided(a)) - Number(isAvoided(b)));
  }

  private known({ provider, damagedAt }: Blob): unknown {
    return damagedAt ? new DamagedCopy('The copy was found damaged.') : this.failures.get(provider)?.cause;
  }

  private async openPlace(
    blob: Blob,
    place: Place,
    range: ByteRange | undefined,
    dataKey: KeyObject | null,
  ): Promise<Readable> {
    try {
      if (dataKey) return await this.openSealed(blob, place, range, dataKey);
      const stream = await this.openStored(blob, place, range);
      // Only where another copy could still serve is it worth while to wait for a first byte.
      if (blob.replicas?.length && blob.size > 0) await firstByte(stream);
      return stream;
    } catch (cause) {
      if (cause instanceof BrokenSeal) throw new DamagedCopy(cause.problem, { cause });
      // The range lies inside the blob, so a copy that ends before it is short.
      if (hasCode(cause, 'BAD_USER_INPUT')) throw new DamagedCopy('A copy is too short.', { cause });
      if (hasCode(cause, 'STORAGE_UNAVAILABLE')) {
        this.failures.set(place.provider, { until: performance.now() + AVOID_MS, cause });
      }
      throw cause;
    }
  }

  private async openStored(blob: Blob, place: Place, range?: ByteRange): Promise<Readable> {
    const { size, stream } = await this.stores.of(place).open(place.key, range);
    if (size === storedSize(blob)) return stream;
    stream.destroy();
    throw damaged(blob, size);
  }

  /** Resolves once the first segment is known to be right, so that what is wrong is told, not sent. */
  private async openSealed(blob: Blob, place: Place, range: ByteRange | undefined, dataKey: KeyObject) {
    const span = spanOf(blob.size, range);
    const stored = await this.openStored(blob, place, range && span);
    const plain = pipeline(
      stored,
      new Decryptor(dataKey, blob.size, span, (bytes) => this.observer.decrypted?.(bytes)),
      () => undefined,
    );
    await firstByte(plain);
    plain.once('error', (cause) => {
      if (cause instanceof BrokenSeal)
        this.noteDamage(blob, [{ place, cause: new DamagedCopy(cause.problem) }]);
    });
    return plain;
  }

  /** A read that can be served must neither wait nor fail because a note of what was found could not be written. */
  private noteDamage(blob: Blob, failed: readonly { place: Place; cause: unknown }[]): void {
    const damages = failed.filter(({ cause }) => hasCode(cause, 'NOT_FOUND') || cause instanceof DamagedCopy);
    if (damages.length === 0) return;
    const now = new Date();
    const { _id, key } = blob;
    const isFirst = damages.some(({ place }) => place === blob);
    if (isFirst && blob.damagedAt) return;
    const update = isFirst
      ? this.blobs.updateOne({ _id, key, ...KEPT }, { $set: { damagedAt: now, copyDueAt: now } })
      : // What was put off after a failure is not to be tried at every read.
        this.blobs.updateOne({ _id, ...KEPT, copyDueAt: { $exists: false } }, { $set: { copyDueAt: now } });
    update.catch(() => undefined);
  }
}

const READ = {
  key: 1,
  provider: 1,
  location: 1,
  size: 1,
  replicas: 1,
  damagedAt: 1,
  encryption: 1,
  virus: 1,
} as const;

class DamagedCopy extends Error {}

const damaged = (blob: Blob, size: number) =>
  new DamagedCopy(`A copy has ${size} bytes instead of ${storedSize(blob)}.`);

/** The document promises bytes that the store has lost: the caller asked rightly. */
function unreadable(cause: unknown): AppError {
  return new AppError('STORAGE_UNAVAILABLE', 'The content cannot be read now.', { cause });
}

/** Resolves once a byte, or the end, can be read; rejects when the stream fails or is closed before. */
function firstByte(stream: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      stream.off('readable', ready).off('error', settle).off('end', ready).off('close', closed);
      if (error) reject(error);
      else resolve();
    };
    const ready = () => settle();
    const closed = () => settle(new Error('The stream was closed before its first byte.'));
    stream.on('readable', ready).on('error', settle).on('end', ready).on('close', closed);
  });
}
