import type { KeyObject } from 'node:crypto';
import type { Stores } from '../../blobs/stores.ts';
import { hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { type Expression, isDuplicateKey, ObjectId } from '../../models/object-id.ts';
import { GroupCommit } from '../group-commit.ts';
import { Ledger } from '../ledger.ts';
import { reviveFiles, tellFiles } from './blob-files.ts';
import { type ContentKeys, NO_KEYS, storedSize } from './content-keys.ts';
import { KEPT } from './kept-blobs.ts';
import {
  filledOnly,
  filtered,
  givenUp,
  literals,
  previewsGivenUp,
  withoutPreviews,
} from './place-expressions.ts';

/** The content an upload has just stored under a key of its own. */
export interface StoredContent {
  /** SHA-256, lower-case hex, computed here over the bytes received. */
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
  readonly key: string;
  /** What it was encrypted with on its way; null where it was not. */
  readonly dataKey?: KeyObject | null;
}

interface Upload {
  readonly content: StoredContent;
  /** The id of the blob that it becomes where there is none of this content yet. */
  readonly blob: ObjectId;
  readonly file: ObjectId;
}

/** Which blob a file refers to: equal contents share one, counted exactly. */
export class BlobReferences {
  private readonly blobs: Collections['blobs'];
  private readonly files: Collections['files'];
  private readonly stores: Stores;
  private readonly graceMs: number;
  private readonly keys: ContentKeys;
  private readonly claims = new GroupCommit<Upload, Blob>((uploads) => this.claimAll(uploads));
  readonly ledger: Ledger;

  /** A copy that another replaced stays for `graceMs`, since somebody may still be reading it. */
  constructor(
    collections: Pick<Collections, 'blobs' | 'files'>,
    stores: Stores,
    graceMs: number,
    keys: ContentKeys = NO_KEYS,
  ) {
    this.blobs = collections.blobs;
    this.files = collections.files;
    this.stores = stores;
    this.graceMs = graceMs;
    this.keys = keys;
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
    return this.unite(await this.claims.add({ content, file, blob: new ObjectId() }), content);
  }

  /** Keeps one of two copies of the content: the blob’s, or the stored one where the blob’s is lost. The claim is made. */
  async unite(blob: Blob, content: StoredContent): Promise<Blob> {
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
    const inserted = uploads.map(({ content, blob }) => ({ _id: blob, ...this.sealOf(content, blob) }));
    const { upsertedIds, failed } = await this.upsert(uploads, inserted);
    const others = uploads.filter((_upload, i) => !(i in upsertedIds) && !failed.has(i));
    // Their claims keep these blobs from being deleted; only what is put into quarantine just now is not found.
    const hashes = others.map(({ content }) => content.hash);
    const shared =
      others.length > 0 ? await this.blobs.find({ hash: { $in: hashes }, live: true }).lean() : [];
    return Promise.all(
      uploads.map(async (upload, i) => {
        const { hash, size, key } = upload.content;
        if (i in upsertedIds) return { hash, size, key, ...this.where, ...inserted[i] } as Blob;
        // Two first uploads of one content raced to insert it; the loser now finds the winner’s.
        // Not by way of the next group: that one waits for this.
        const again = async () => (await this.claimAll([upload]))[0] as Blob | Error;
        if (failed.has(i)) return again();
        // The claim on one that is quarantined is released as that of a file that refers to another.
        return shared.find((one) => one.hash === hash && one.size === size) ?? again();
      }),
    );
  }

  private async upsert(uploads: readonly Upload[], inserted: readonly Pick<Blob, '_id' | 'encryption'>[]) {
    const now = new Date();
    const due = this.stores.backup ? { copyDueAt: now } : {};
    const operations = uploads.map(({ content: { hash, size, key }, file }, i) => ({
      updateOne: {
        filter: { hash, size, live: true },
        update: {
          $inc: { refCount: 1 },
          $push: { claims: { file, amount: 1, at: now } } as never,
          $set: { updatedAt: now },
          $unset: { unreferencedAt: '' },
          $setOnInsert: { ...inserted[i], key, ...this.where, ...due, createdAt: now },
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

  /** The data key of a content, wrapped for the blob that it becomes, whose id is therefore chosen here. */
  private sealOf({ dataKey }: StoredContent, id: ObjectId): Pick<Blob, 'encryption'> {
    return dataKey ? { encryption: this.keys.wrap(dataKey, { kind: 'blob', id }) } : {};
  }

  /** A copy that cannot even be asked for, or not be decrypted, counts as none: the new one is at hand. */
  private async isIntact(blob: Blob): Promise<boolean> {
    if (!this.keys.canRead(blob)) return false;
    try {
      return (await this.stores.of(blob).stat(blob.key)).size === storedSize(blob);
    } catch (error) {
      if (hasCode(error, 'NOT_FOUND') || hasCode(error, 'STORAGE_UNAVAILABLE')) return false;
      throw error;
    }
  }

  /** The shared copy is lost, so the new one takes its place for every file that refers to it. */
  private async heal(blob: Blob, content: StoredContent): Promise<Blob> {
    const { _id } = blob;
    const { key } = content;
    const seal = this.sealOf(content, _id);
    // All copies of a blob are the same bytes under the same key, so those of another encryption are none any more.
    const isOtherwise = Boolean(blob.encryption ?? seal.encryption);
    // A copy beside the new one, at the same provider, is none to fall back on.
    const isKept: Expression = isOtherwise
      ? { $literal: false }
      : { $ne: ['$$this.provider', this.where.provider] };
    const dropped = filtered('$replicas', { $not: isKept });
    // Previews are encrypted where the content is; what the former keys opened may be gone with them.
    const strays = { $literal: isOtherwise };
    const deleteAfter = new Date(Date.now() + this.graceMs);
    const healed = (await this.blobs.collection.findOneAndUpdate(
      { _id, key: blob.key, ...KEPT },
      [
        {
          $set: {
            ...literals({ ...this.where, key }),
            encryption: seal.encryption ? { $literal: seal.encryption } : '$$REMOVE',
            // Words lie unencrypted.
            ...(seal.encryption && { textWords: '$$REMOVE' }),
            leftovers: {
              $concatArrays: [
                { $ifNull: ['$leftovers', []] },
                givenUp(dropped, deleteAfter),
                previewsGivenUp(filtered('$previews', strays), deleteAfter),
              ],
            },
            ...withoutPreviews(strays),
            replicas: filledOnly(filtered('$replicas', isKept)),
            // The job that makes copies tells the files once more, should this process not come to it.
            copyDueAt: '$$NOW',
            damagedAt: '$$REMOVE',
            lostAt: '$$REMOVE',
            updatedAt: '$$NOW',
          },
        },
      ],
      { returnDocument: 'after' },
    )) as Blob | null;
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
