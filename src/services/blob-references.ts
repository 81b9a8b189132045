import type { BlobStore } from '../blobs/blob-store.ts';
import { hasCode } from '../errors.ts';
import type { Blob } from '../models/blob.ts';
import type { Collections } from '../models/collections.ts';
import type { ObjectId } from '../models/object-id.ts';
import { GroupCommit } from './group-commit.ts';
import { Ledger } from './ledger.ts';

/** The content an upload has just stored under a key of its own. */
export interface StoredContent {
  /** SHA-256, lower-case hex, computed here over the bytes received. */
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
  readonly key: string;
}

interface Upload {
  readonly content: StoredContent;
  readonly file: ObjectId;
}

const DUPLICATE_KEY = 11000;

/** Which blob a file refers to: equal contents share one, counted exactly. */
export class BlobReferences {
  private readonly blobs: Collections['blobs'];
  private readonly store: BlobStore;
  private readonly claims = new GroupCommit<Upload, Blob>((uploads) => this.claimAll(uploads));
  readonly ledger: Ledger;

  constructor(blobs: Collections['blobs'], store: BlobStore) {
    this.blobs = blobs;
    this.store = store;
    this.ledger = new Ledger(blobs.collection as never, 'refCount', {
      onRelease: [
        { $set: { unreferencedAt: { $cond: [{ $lte: ['$refCount', 0] }, '$$NOW', '$unreferencedAt'] } } },
      ],
    });
  }

  /**
   * Refers the file to the live blob of this content, which is the stored one unless an equal one was there first.
   * The reference is a claim until `settle`; a stored copy that nothing needs is deleted.
   */
  async acquire(content: StoredContent, file: ObjectId): Promise<Blob> {
    const blob = await this.claims.add({ content, file });
    if (blob.key === content.key) return blob;
    if (await this.isIntact(blob)) {
      await this.store.delete(content.key);
      return blob;
    }
    return this.heal(blob, content);
  }

  /** Claims a reference for each upload in one command; equal contents among them share what the first one makes. */
  private async claimAll(uploads: readonly Upload[]): Promise<(Blob | Error)[]> {
    const { upsertedIds, failed } = await this.upsert(uploads);
    const others = uploads.filter((_upload, i) => !(i in upsertedIds) && !failed.has(i));
    // Their claims keep these blobs live, so they are found.
    const hashes = others.map(({ content }) => content.hash);
    const shared =
      others.length > 0 ? await this.blobs.find({ hash: { $in: hashes }, live: true }).lean() : [];
    return Promise.all(
      uploads.map(async (upload, i) => {
        const { hash, size, key } = upload.content;
        if (i in upsertedIds) return { _id: upsertedIds[i], hash, size, key } as Blob;
        // Two first uploads of one content raced to insert it; the loser now finds the winner’s.
        // Not by way of the next group: that one waits for this.
        if (failed.has(i)) return (await this.claimAll([upload]))[0] as Blob | Error;
        const blob = shared.find((one) => one.hash === hash && one.size === size);
        return blob ?? new Error('A claimed blob is gone.');
      }),
    );
  }

  private async upsert(uploads: readonly Upload[]) {
    const now = new Date();
    const operations = uploads.map(({ content: { hash, size, key }, file }) => ({
      updateOne: {
        filter: { hash, size, live: true },
        update: {
          $inc: { refCount: 1 },
          $push: { claims: { file, amount: 1, at: now } } as never,
          $set: { updatedAt: now },
          $unset: { unreferencedAt: '' },
          $setOnInsert: {
            key,
            provider: this.store.provider,
            location: this.store.location,
            createdAt: now,
          },
        },
        upsert: true,
      },
    }));
    try {
      const { upsertedIds } = await this.blobs.collection.bulkWrite(operations, { ordered: false });
      return { upsertedIds, failed: new Set<number>() };
    } catch (error) {
      const errors = duplicates(error);
      if (!errors) throw error;
      return { upsertedIds: errors.upsertedIds, failed: new Set(errors.indexes) };
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

/** What a bulk write did where only duplicate keys kept it from doing all; null for every other error. */
function duplicates(error: unknown): { indexes: number[]; upsertedIds: Record<number, ObjectId> } | null {
  const { writeErrors, result } = error as {
    writeErrors?: { code: number; index: number }[];
    result?: { upsertedIds: Record<number, ObjectId> };
  };
  if (!writeErrors?.length || !writeErrors.every(({ code }) => code === DUPLICATE_KEY)) return null;
  return { indexes: writeErrors.map(({ index }) => index), upsertedIds: result?.upsertedIds ?? {} };
}
