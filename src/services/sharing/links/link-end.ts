import type { Collections } from '../../../models/collections.ts';
import type { ObjectId } from '../../../models/object-id.ts';
import type { ShareLink } from '../../../models/share-link.ts';

/** How long what has ended is still shown. */
export const KEPT_MS = 30 * 24 * 3_600_000;

/** When what ended at that time is removed: its owner can look at it for another 30 days. */
export const endedAfter = (end: Date): Date => new Date(end.getTime() + KEPT_MS);

/** When a link’s document is removed, by what its document says; null while it may work for ever. */
export function goneAfterOf(
  link: Pick<ShareLink, 'revokedAt' | 'expiresAt' | 'maxDownloads' | 'downloads'>,
  now: Date,
) {
  const isUsedUp = link.maxDownloads != null && link.downloads >= link.maxDownloads;
  const ends = [link.revokedAt, link.expiresAt, isUsedUp ? now : null].filter((end) => end != null);
  return ends.length > 0 ? endedAfter(new Date(Math.min(...ends.map((end) => end.getTime())))) : null;
}

/** Removes links that ended 30 days before this time; resolves with how many. */
export async function removeEndedLinks({ shares }: Pick<Collections, 'shares'>, now: Date): Promise<number> {
  return (await shares.deleteMany({ goneAfter: { $lt: now } })).deletedCount;
}

/** Says of the links to what is not there any more that they have ended. */
export async function endLinksTo(
  { shares }: Pick<Collections, 'shares'>,
  targets: readonly ObjectId[],
): Promise<void> {
  const change = { $min: { goneAfter: endedAfter(new Date()) } };
  await shares.updateMany({ target: { $in: targets } }, change, { timestamps: false });
}
