import type { Stores } from '../../blobs/stores.ts';
import { hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { isDuplicateKey, type ObjectId } from '../../models/object-id.ts';
import { GroupCommit } from '../group-commit.ts';
import { Ledger } from '../ledger.ts';
import { reviveFiles, tellFiles } from './blob-files.ts';

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

/** Which blob a file refers to: equal contents share one, counted exactly. */
export class BlobReferences {
  private readonly blobs: Collections['blobs'];
  private readonly files: Collections['files'];
  private readonly stores: Stores;
  private readonly graceMs: number;
  private readonly claims = new GroupCommit<Upload, Blob>((uploads) => this.claimAll(uploads));
  readonly ledger: Ledger;

  /** A copy that another replaced stays for `graceMs`, since somebody may still be reading it. */
  constructor(collections: Pick<Collections, 'blobs' | 'files'>, stores: Stores, graceMs: number) {
    this.blobs = collections.blobs;
    this.files = collections.files;
    this.stores = stores;
    this.graceMs = graceMs;
    this.ledger = new Ledger(this.blobs.collection as never, 'refCount', {
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
    // What is known to be wrong is no reason to give up what is known to be right, whatever size it has.
    if (!blob.lostAt && !blob.damagedAt && (await this.isIntact(blob))) {
      await this.stores.primary.delete(content.key);
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
        if (i in upsertedIds) return { _id: upsertedIds[i], hash, size, key, ...this.where } as Blob;
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
    const due = this.stores.backup ? { copyDueAt: now } : {};
    const operations = uploads.map(({ content: { hash, size, key }, file }) => ({
      updateOne: {
        filter: { hash, size, live: true },
        update: {
          $inc: { refCount: 1 },
          $push: { claims: { file, amount: 1, at: now } } as never,
          $set: { updatedAt: now },
          $unset: { unreferencedAt: '' },
          $setOnInsert: { key, ...this.where, ...due, createdAt: now },
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

  /** Where new blobs lie. */
  private get where(): Pick<Blob, 'provider' | 'location'> {
    const { provider, location } = this.stores.primary;
    return { provider, location };
  }

  /** A copy that cannot even be asked for counts as none: the new one is at hand. */
  private async isIntact(blob: Blob): Promise<boolean> {
    try {
      return (await this.stores.of(blob).stat(blob.key)).size === blob.size;
    } catch (error) {
      if (hasCode(error, 'NOT_FOUND') || hasCode(error, 'STORAGE_UNAVAILABLE')) return false;
      throw error;
    }
  }

  /** The shared copy is lost, so the new one takes its place for every file that refers to it. */
  private async heal(blob: Blob, { key }: StoredContent): Promise<Blob> {
    const { _id, provider, location } = blob;
    // A copy beside the new one, at the same provider, is none to fall back on.
    const beside = blob.replicas?.filter((replica) => replica.provider === this.where.provider) ?? [];
    const deleteAfter = new Date(Date.now() + this.graceMs);
    const former = [{ provider, location, key: blob.key }, ...beside].map((place) => ({
      ...place,
      deleteAfter,
    }));
    const healed = await this.blobs
      .findOneAndUpdate(
        { _id, key: blob.key, live: true },
        {
          // The job that makes copies tells the files once more, should this process not come to it.
          $set: { key, ...this.where, copyDueAt: new Date() },
          $push: { leftovers: { $each: former } },
          ...(beside.length > 0 && {
            $pull: { replicas: { key: { $in: beside.map((place) => place.key) } } },
          }),
          $unset: { damagedAt: '', lostAt: '' },
        },
        { returnDocument: 'after' },
      )
      .lean();
    if (!healed) {
      await this.stores.primary.delete(key);
      return (await this.blobs.findById(_id).lean()) ?? blob;
    }
    await tellFiles(this.files, healed);
    await reviveFiles(this.files, _id);
    return healed;
  }
}

/** What a bulk write did where only duplicate keys kept it from doing all; null for every other error. */
function duplicates(error: unknown): { indexes: number[]; upsertedIds: Record<number, ObjectId> } | null {
  const { writeErrors, result } = error as {
    writeErrors?: { code: number; index: number }[];
    result?: { upsertedIds: Record<number, ObjectId> };
  };
  if (!writeErrors?.length || !writeErrors.every(isDuplicateKey)) return null;
  return { indexes: writeErrors.map(({ index }) => index), upsertedIds: result?.upsertedIds ?? {} };
}
