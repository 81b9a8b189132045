import type { BlobStore } from '../blobs/blob-store.ts';
import { hasCode } from '../errors.ts';
import type { Blob } from '../models/blob.ts';
import type { Collections } from '../models/collections.ts';
import type { ObjectId } from '../models/object-id.ts';
import { Ledger } from './ledger.ts';

/** The content an upload has just stored under a key of its own. */
export interface StoredContent {
  /** SHA-256, lower-case hex, computed here over the bytes received. */
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
  readonly key: string;
}

const DUPLICATE_KEY = 11000;

/** Which blob a file refers to: equal contents share one, counted exactly. */
export class BlobReferences {
  private readonly blobs: Collections['blobs'];
  private readonly store: BlobStore;
  readonly ledger: Ledger;

  constructor(blobs: Collections['blobs'], store: BlobStore) {
    this.blobs = blobs;
    this.store = store;
    this.ledger = new Ledger(blobs.collection as never, 'refCount', [
      { $set: { unreferencedAt: { $cond: [{ $lte: ['$refCount', 0] }, '$$NOW', '$unreferencedAt'] } } },
    ]);
  }

  /**
   * Refers the file to the live blob of this content, which is the stored one unless an equal one was there first.
   * The reference is a claim until `settle`; a stored copy that nothing needs is deleted.
   */
  async acquire(content: StoredContent, file: ObjectId): Promise<Blob> {
    const blob = await this.claim(content, file);
    if (blob.key === content.key) return blob;
    if (await this.isIntact(blob)) {
      await this.store.delete(content.key);
      return blob;
    }
    return this.heal(blob, content);
  }

  private async claim(content: StoredContent, file: ObjectId): Promise<Blob> {
    const { hash, size, key } = content;
    for (;;) {
      try {
        const blob = await this.blobs.collection.findOneAndUpdate(
          { hash, size, live: true },
          {
            $inc: { refCount: 1 },
            $push: { claims: { file, amount: 1, at: new Date() } } as never,
            $set: { updatedAt: new Date() },
            $unset: { unreferencedAt: '' },
            $setOnInsert: {
              key,
              provider: this.store.provider,
              location: this.store.location,
              createdAt: new Date(),
            },
          },
          { upsert: true, returnDocument: 'after' },
        );
        if (blob) return blob as unknown as Blob;
      } catch (error) {
        // Two first uploads of one content raced to insert it; the loser now finds the winner's.
        if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
      }
    }
  }

  private async isIntact(blob: Blob): Promise<boolean> {
    try {
      return (await this.store.stat(blob.key)).size === blob.size;
    } catch (error) {
      if (hasCode(error, 'NOT_FOUND')) return false;
      throw error;
    }
  }

  /** The shared copy is lost, so the new one takes its place for every file that refers to it. */
  private async heal(blob: Blob, content: StoredContent): Promise<Blob> {
    const healed = await this.blobs
      .findOneAndUpdate(
        { _id: blob._id, key: blob.key },
        { $set: { key: content.key } },
        { returnDocument: 'after' },
      )
      .lean();
    if (healed) return healed;
    await this.store.delete(content.key);
    return blob;
  }
}
