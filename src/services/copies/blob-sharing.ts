import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { NOT_INFECTED } from '../scanning/judgement.ts';
import { KEPT } from './kept-blobs.ts';

/**
 * Refers one more file to the blob, by a claim as uploads do; null where it is being deleted, infected or lost, and then
 * nothing is counted.
 */
export async function shareBlob(
  blobs: Collections['blobs'],
  _id: ObjectId,
  file: ObjectId,
): Promise<Blob | null> {
  const now = new Date();
  return (await blobs.collection.findOneAndUpdate(
    { _id, ...KEPT, ...NOT_INFECTED, lostAt: { $exists: false }, 'claims.file': { $ne: file } } as never,
    {
      $inc: { refCount: 1 },
      $push: { claims: { file, amount: 1, at: now } } as never,
      $set: { updatedAt: now },
      $unset: { unreferencedAt: '' },
    },
    { returnDocument: 'after' },
  )) as Blob | null;
}
