import type { Stores } from '../../blobs/stores.ts';
import type { Collections } from '../../models/collections.ts';
import { ObjectId } from '../../models/object-id.ts';
import { KEPT } from './kept-blobs.ts';

const BATCH = 500;
// Ids hold the clock of the machine that made them.
const CLOCKS_DIFFER_MS = 3_600_000;
const NAME = 'backup walk';

interface Progress {
  /** The backup that the walk is for, as `provider:location`; null while there is none. */
  place: string | null;
  /** The last blob that was looked at. */
  after?: ObjectId;
  done?: boolean;
}

/**
 * Makes the blobs due that were stored before there was a backup, or for another one: in the order of their ids, and so
 * that a restart goes on where it was. After the end it goes on to what came since, which a node without the backup may
 * have taken in while the others were started anew. How far it has come stands beside the leases.
 */
export class BackupWalk {
  private readonly blobs: Collections['blobs'];
  private readonly leases: Collections['leases'];
  private readonly stores: Stores;
  private isOver = false;

  constructor({ blobs, leases }: Pick<Collections, 'blobs' | 'leases'>, stores: Stores) {
    this.blobs = blobs;
    this.leases = leases;
    this.stores = stores;
  }

  /** Whether `advance` may find something. */
  isNeeded(): boolean {
    return !this.isOver;
  }

  /** Looks at the next blobs; false when there are no more, which is remembered. */
  async advance(signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    if (this.isOver) return false;
    const { backup } = this.stores;
    const place = backup && `${backup.provider}:${backup.location}`;
    const so = await this.progress();
    // Blobs that come while there is no backup are not made due, so the end of a former walk must not count any more.
    if (!backup) {
      if (so && so.place !== null) await this.remember({ place: null });
      this.isOver = true;
      return false;
    }
    const after = so?.place === place ? so.after : undefined;
    const last = await this.enqueue(backup, so?.done ? anHourBefore(after) : after);
    await this.remember({ place, ...(last ? { after: last } : { ...(after && { after }), done: true }) });
    if (!last) this.isOver = true;
    return !this.isOver;
  }

  private async enqueue(backup: NonNullable<Stores['backup']>, after?: ObjectId): Promise<ObjectId | null> {
    const batch = await this.blobs
      .find(after ? { _id: { $gt: after } } : {}, { _id: 1 })
      .sort({ _id: 1 })
      .limit(BATCH)
      .lean();
    const [first, last] = [batch.at(0), batch.at(-1)];
    if (!first || !last) return null;
    const { provider, location } = backup;
    await this.blobs.updateMany(
      {
        _id: { $gte: first._id, $lte: last._id },
        ...KEPT,
        provider: { $ne: provider },
        replicas: { $not: { $elemMatch: { provider, location } } },
        copyDueAt: { $exists: false },
      },
      { $set: { copyDueAt: new Date() } },
    );
    return last._id;
  }

  private async progress(): Promise<Progress | null> {
    return (await this.leases.collection.findOne({ _id: NAME as never })) as Progress | null;
  }

  private async remember(progress: Progress): Promise<void> {
    await this.leases.collection.replaceOne({ _id: NAME as never }, progress as never, { upsert: true });
  }
}

function anHourBefore(id: ObjectId | undefined): ObjectId | undefined {
  return id && ObjectId.createFromTime(Math.floor((id.getTimestamp().getTime() - CLOCKS_DIFFER_MS) / 1000));
}
