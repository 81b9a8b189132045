import type { BlobStore } from '../../blobs/blob-store.ts';
import { cipherSize } from '../../encryption/segments.ts';
import { hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { isKept } from '../copies/kept-blobs.ts';
import type { LostPreviews } from '../processing/lost-previews.ts';
import type { Suspicion } from './storage-findings.ts';
import type { NamedPlace } from './stored-places.ts';

/** Holds previews against what lies in their store; one that is not there in full is forgotten and made anew. */
export class PreviewCheck {
  private readonly blobs: Collections['blobs'];
  private readonly lost: LostPreviews;

  constructor(blobs: Collections['blobs'], lost: LostPreviews) {
    this.blobs = blobs;
    this.lost = lost;
  }

  /** A preview that may not be there in full. */
  suspicion(store: BlobStore, { blob: id, key }: Pick<NamedPlace, 'blob' | 'key'>): Suspicion {
    const { provider } = store;
    return {
      confirm: async () => {
        const size = await sizeOf(store, key);
        // Read after the object: what still names it now has named it all the time.
        const blob = await this.blobs.findById(id).lean<Blob>();
        const preview = blob?.previews?.find((each) => each.key === key && each.provider === provider);
        if (!blob || !preview || !isKept(blob)) return null;
        if (size === (preview.encryption ? cipherSize(preview.bytes) : preview.bytes)) return null;
        const kind = size === null ? 'missing' : 'wrong-size';
        const what = `preview of at most ${preview.pixels} pixels`;
        return {
          finding: { kind, what, blob: blob._id, provider, key },
          risk: 'previews',
          repair: async () => {
            const isDone = await this.lost.forget(blob._id, { provider, key });
            return { outcome: 'repaired', note: isDone ? 'another will be made' : 'by somebody else' };
          },
        };
      },
    };
  }
}

/** Bytes of the object; null for an absent one. */
async function sizeOf(store: BlobStore, key: string): Promise<number | null> {
  try {
    return (await store.stat(key)).size;
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return null;
    throw error;
  }
}
