import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Place } from '../../models/place.ts';
import { filledOnly, filtered, previewsGivenUp, withoutPreviews } from '../copies/place-expressions.ts';

/** Previews that their store has lost: they are forgotten, and their content is processed once more. */
export class LostPreviews {
  private readonly blobs: Collections['blobs'];
  private readonly graceMs: number;

  /** What may still lie there of one stays for `graceMs`. */
  constructor(blobs: Collections['blobs'], graceMs: number) {
    this.blobs = blobs;
    this.graceMs = graceMs;
  }

  /** Forgets one preview; false when the blob does not name it, or no longer. */
  async forget(_id: ObjectId, { provider, key }: Pick<Place, 'provider' | 'key'>): Promise<boolean> {
    const isIt = { $eq: ['$$this.key', key] };
    const gone = previewsGivenUp(filtered('$previews', isIt), new Date(Date.now() + this.graceMs));
    const { matchedCount } = await this.blobs.collection.updateOne(
      { _id, previews: { $elemMatch: { provider, key } } },
      [
        {
          $set: {
            leftovers: filledOnly({ $concatArrays: [{ $ifNull: ['$leftovers', []] }, gone] }),
            ...withoutPreviews(isIt),
          },
        },
      ],
    );
    return matchedCount === 1;
  }
}
