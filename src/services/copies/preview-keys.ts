import type { Blob } from '../../models/blob.ts';
import type { BlobEncryption } from '../../models/blob-encryption.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Preview } from '../../models/preview.ts';
import type { ContentKeys } from './content-keys.ts';

type Blobs = Collections['blobs'];
type Sealed = Preview & { encryption: BlobEncryption };

const BATCHED = { batchSize: 100 };

/** How many previews each master key has the keys of. */
export function previewCounts(blobs: Blobs): Promise<{ _id: string; count: number }[]> {
  return blobs.aggregate([
    { $match: { 'previews.encryption.keyId': { $gt: '' } } },
    { $unwind: '$previews' },
    { $match: { 'previews.encryption.keyId': { $gt: '' } } },
    { $group: { _id: '$previews.encryption.keyId', count: { $sum: 1 } } },
  ]);
}

/** Whether the master key of this name opens what it is said to wrap of a preview; also where it wraps none. */
export async function canReadPreview(blobs: Blobs, name: string, keys: ContentKeys): Promise<boolean> {
  const sample = await blobs
    .findOne({ 'previews.encryption.keyId': name }, { previews: 1 })
    .lean<Pick<Blob, '_id' | 'previews'>>();
  const under = sealedUnder(sample?.previews, name);
  if (under.length === 0) return true;
  return under.some(({ _id, encryption }) => {
    try {
      keys.unwrap(encryption, { kind: 'preview', id: _id });
      return true;
    } catch {
      return false;
    }
  });
}

/** A step for each preview that is under the master key of this name: true once its key is wrapped anew. */
export async function* rewrapPreviews(
  blobs: Blobs,
  name: string,
  again: (encryption: BlobEncryption, id: ObjectId) => BlobEncryption,
): AsyncGenerator<() => Promise<boolean>> {
  const found = blobs.find({ 'previews.encryption.keyId': name }, { previews: 1 }, BATCHED).lean<Blob[]>();
  for await (const blob of found.cursor()) {
    for (const { _id, encryption } of sealedUnder(blob.previews, name)) {
      yield async () => {
        const { keyId, wrappedKey } = encryption;
        const unchanged = { _id, 'encryption.keyId': keyId, 'encryption.wrappedKey': wrappedKey };
        const { matchedCount } = await blobs.updateOne(
          { _id: blob._id, previews: { $elemMatch: unchanged } },
          { $set: { 'previews.$.encryption': again(encryption, _id) } },
        );
        return matchedCount === 1;
      };
    }
  }
}

const sealedUnder = (previews: readonly Preview[] | undefined, name: string): Sealed[] =>
  (previews ?? []).filter((preview): preview is Sealed => preview.encryption?.keyId === name);
