import type { Collections } from '../../models/collections.ts';
import { LISTED, NEVER } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import type { FileEvents } from '../live/file-events.ts';

const MOST_AT_ONCE = 1_000;
const TOLD = { userId: 1, folder: 1, isDeleted: 1, access: 1 } as const;

/** Puts every file past its expiry date into the trash, and tells; resolves with how many. The signal ends it. */
export async function trashExpired(
  files: Collections['files'],
  events: Pick<FileEvents, 'tell'> | null,
  signal: AbortSignal,
): Promise<number> {
  const now = new Date();
  const due = { expiryDate: { $gt: NEVER, $lte: now }, isDeleted: false, ...LISTED };
  let moved = 0;
  for (;;) {
    signal.throwIfAborted();
    const batch = await files.find(due, TOLD).limit(MOST_AT_ONCE).lean();
    if (batch.length === 0) return moved;
    const which = { _id: { $in: batch.map(({ _id }) => _id) } };
    const { modifiedCount } = await files.updateMany(
      { ...due, ...which },
      { $set: { isDeleted: true, deletedAt: now } },
    );
    moved += modifiedCount;
    // Another node may sweep as well, and an owner may have changed the date just now.
    const mine =
      modifiedCount === batch.length ? batch : await files.find({ ...which, deletedAt: now }, TOLD).lean();
    for (const file of mine) await events?.tell(FileChangeKind.TRASHED, { ...file, isDeleted: true });
  }
}
