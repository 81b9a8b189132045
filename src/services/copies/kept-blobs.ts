import type { Blob } from '../../models/blob.ts';

/**
 * The blobs whose bytes are looked after: those that uploads may come to share, and those that have files though they
 * take no new ones, as in quarantine. Any other is being deleted.
 */
export const KEPT = { $or: [{ live: true }, { refCount: { $gt: 0 } }] };

/** Whether the blob’s bytes are looked after, by its document as it was read. */
export function isKept({ live, refCount }: Pick<Blob, 'live' | 'refCount'>): boolean {
  return live || refCount > 0;
}
