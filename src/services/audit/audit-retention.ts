import type { Collections } from '../../models/collections.ts';
import { ObjectId } from '../../models/object-id.ts';

const AT_ONCE = 1_000;

/** Removes the events of before that moment, to the second; resolves with how many. The signal ends it between two batches. */
export async function removeEventsBefore(
  { collection }: Pick<Collections['auditEvents'], 'collection'>,
  moment: Date,
  signal: AbortSignal,
): Promise<number> {
  // Ids begin with the time, so that the oldest events are the first of the index that every collection has.
  const before = ObjectId.createFromTime(Math.floor(moment.getTime() / 1000));
  let removed = 0;
  for (;;) {
    signal.throwIfAborted();
    const batch = await collection
      .find({ _id: { $lt: before } })
      .sort({ _id: 1 })
      .project<{ _id: ObjectId }>({ _id: 1 })
      .limit(AT_ONCE)
      .toArray();
    const last = batch.at(-1);
    if (!last) return removed;
    removed += (await collection.deleteMany({ _id: { $lte: last._id } })).deletedCount;
  }
}
