import { Readable } from 'node:stream';
import { newBlobKey } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { Encryptor } from '../../encryption/encryptor.ts';
import { AppError } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { ObjectId } from '../../models/object-id.ts';
import type { Place } from '../../models/place.ts';
import type { Preview } from '../../models/preview.ts';
import type { PreviewPicture } from '../../previews/preview-maker.ts';
import { CONDEMNED } from '../copies/blob-placement.ts';
import type { ContentKeys } from '../copies/content-keys.ts';
import { KEPT } from '../copies/kept-blobs.ts';
import { filledOnly, filtered, previewsGivenUp } from '../copies/place-expressions.ts';
import { NOT_INFECTED } from '../scanning/judgement.ts';

const INTENT_MS = 3_600_000;
const MOST_LEFTOVERS = 20;

/** What processing found. */
export interface Findings {
  readonly previews: readonly Preview[];
  readonly metadata: Blob['metadata'] | null;
  /** Why it is given up all the same; null where it is done. */
  readonly failure: Blob['processingFailure'] | null;
}

/**
 * Keeps small pictures of contents as objects of their own in the store of new blobs, encrypted where the content is. Each
 * is named as a leftover before its first byte, and becomes a preview in the one step that says what processing came to.
 */
export class PreviewPlaces {
  private readonly blobs: Collections['blobs'];
  private readonly stores: Stores;
  private readonly keys: ContentKeys;
  private readonly graceMs: number;

  /** A preview that is replaced stays for `graceMs`, since somebody may still be reading it. */
  constructor(parts: { blobs: Collections['blobs']; stores: Stores; keys: ContentKeys; graceMs: number }) {
    this.blobs = parts.blobs;
    this.stores = parts.stores;
    this.keys = parts.keys;
    this.graceMs = parts.graceMs;
  }

  /**
   * Stores the pictures; they are no previews yet. Rejects with CONFLICT when the blob takes none, with the signal’s reason
   * after an abort: what was written then is gone, or named for the janitor.
   */
  async store(
    blob: Blob,
    pictures: readonly PreviewPicture[],
    signal: AbortSignal,
  ): Promise<readonly Preview[]> {
    // Of a small picture the larger ones are the same.
    const different = pictures.filter(({ bytes }, i) => !pictures[i - 1]?.bytes.equals(bytes));
    if (different.length === 0) return [];
    const { provider, location } = this.stores.primary;
    const planned = different.map((picture) => {
      const dataKey = blob.encryption ? this.newKey() : null;
      const preview = {
        ...{ _id: new ObjectId(), provider, location, key: newBlobKey() },
        ...{ pixels: picture.pixels, bytes: picture.bytes.length },
      };
      const encryption = dataKey && this.keys.wrap(dataKey, { kind: 'preview', id: preview._id });
      return { picture, dataKey, preview: { ...preview, ...(encryption && { encryption }) } as Preview };
    });
    const previews = planned.map(({ preview }) => preview);
    if (!(await this.intend(blob, previews))) throw gone();
    try {
      for (const { picture, dataKey, preview } of planned) {
        const plain = Readable.from([picture.bytes], { objectMode: false });
        const source = dataKey ? plain.pipe(new Encryptor(dataKey)) : plain;
        await this.stores.primary.put(preview.key, source, { signal, atMost: 2 * picture.bytes.length + 64 });
      }
      return previews;
    } catch (error) {
      await this.discard(blob, previews);
      throw error;
    }
  }

  /** Says what processing came to, in one step; false when the blob is gone, or is encrypted otherwise by now. */
  async record(blob: Blob, { previews, metadata, failure }: Findings): Promise<boolean> {
    const { _id } = blob;
    const isNew = { $in: ['$$this.key', previews.map(({ key }) => key)] };
    const named = previews.map(({ provider, key }) => ({
      leftovers: { $elemMatch: { provider, key, deleteAfter: { $gt: CONDEMNED } } },
    }));
    const rest = filtered('$leftovers', { $not: isNew });
    const replaced = previewsGivenUp(
      filtered('$previews', { $literal: true }),
      new Date(Date.now() + this.graceMs),
    );
    const { matchedCount } = await this.blobs.collection.updateOne(
      {
        _id,
        ...NOT_INFECTED,
        'encryption.keyId': { $exists: blob.encryption !== undefined },
        $and: [KEPT, ...named],
      } as never,
      [
        {
          $set: {
            leftovers: filledOnly({ $concatArrays: [rest, replaced] }),
            previews: previews.length > 0 ? { $literal: previews } : '$$REMOVE',
            metadata: metadata ? { $literal: metadata } : '$$REMOVE',
            processedAt: failure ? '$$REMOVE' : '$$NOW',
            processingFailure: failure ? { $literal: failure } : '$$REMOVE',
            processingTries: '$$REMOVE',
          },
        },
      ],
    );
    return matchedCount === 1;
  }

  /** Removes objects that became no previews; never rejects: what cannot be removed now stays named for the janitor. */
  async discard({ _id }: Pick<Blob, '_id'>, places: readonly Place[]): Promise<void> {
    for (const { provider, key } of places) {
      try {
        await this.stores.delete({ provider, key });
        await this.blobs.updateOne({ _id }, { $pull: { leftovers: { provider, key } } });
      } catch {
        // Its intent says what to delete, and when.
      }
    }
  }

  private async intend({ _id }: Blob, previews: readonly Preview[]): Promise<boolean> {
    const deleteAfter = new Date(Date.now() + INTENT_MS);
    const leftovers = previews.map(({ provider, location, key }) => ({
      ...{ provider, location, key, deleteAfter },
    }));
    const { matchedCount } = await this.blobs.updateOne(
      { _id, $and: [KEPT, NOT_INFECTED], [`leftovers.${MOST_LEFTOVERS}`]: { $exists: false } },
      { $push: { leftovers: { $each: leftovers } } },
    );
    return matchedCount === 1;
  }

  private newKey() {
    const key = this.keys.newKey();
    if (key) return key;
    throw new AppError('STORAGE_UNAVAILABLE', 'ENCRYPTION_KEYS names no key to encrypt a preview with.');
  }
}

const gone = () =>
  new AppError('CONFLICT', 'The blob is gone, or too many leftovers of it wait to be deleted.');
