import { hasCode } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { FilePurge } from '../files/file-purge.ts';
import { Leases } from '../leases.ts';
import type { FileEvents } from '../live/file-events.ts';
import type { GivenCollections } from '../sharing/permissions/forgotten-things.ts';
import { FolderLocks } from './folder-locks.ts';
import { FolderSpread } from './folder-spread.ts';
import { FolderTrash } from './folder-trash.ts';
import { FolderTree } from './folder-tree.ts';

// Somebody waits for a folder; the next sweep comes soon.
const WAIT_MS = 2_000;

/** Carries on with what was interrupted in trees of folders, and removes those that were in the trash for long enough. */
export class FolderSweep {
  private readonly folders: Collections['folders'];
  private readonly files: Collections['files'];
  private readonly trash: FolderTrash;

  constructor(
    collections: Pick<Collections, 'folders' | 'files' | 'leases'> & GivenCollections,
    purge: Pick<FilePurge, 'purgeAll'>,
    events: Pick<FileEvents, 'tell'> = { tell: () => undefined },
  ) {
    const { folders, files, leases } = collections;
    this.folders = folders;
    this.files = files;
    const spread = new FolderSpread({
      collections,
      tree: new FolderTree(folders),
      events,
    });
    const locks = new FolderLocks(new Leases(leases), WAIT_MS);
    this.trash = new FolderTrash({ folders, locks, spread, purge });
  }

  /** One pass; deletions, restorations and removals without a sign of life since `stale`, and the trash from before `old`. */
  async run(stale: Date, old: Date, signal: AbortSignal): Promise<number> {
    return (await this.unfinished(stale, signal)) + (await this.oldTrash(old, signal));
  }

  private async unfinished(before: Date, signal: AbortSignal): Promise<number> {
    let done = 0;
    const found = this.folders.find({ spreadingAt: { $lt: before } }, { userId: 1 }, BATCHED).lean();
    for await (const folder of found) {
      signal.throwIfAborted();
      done += await unlessBusy(async () => {
        await this.trash.resume(folder, signal);
        return 1;
      });
    }
    return done;
  }

  private async oldTrash(before: Date, signal: AbortSignal): Promise<number> {
    let removed = 0;
    const old = { deletedAt: { $lt: before }, isTrashRoot: true, isDeleted: true };
    for await (const folder of this.folders.find(old, {}, BATCHED).hint('old_trash').lean()) {
      signal.throwIfAborted();
      // Files are removed by their own time, which may be later than that of the folder they came into.
      const hasFiles = async () => Boolean(await this.files.exists({ trashedWith: folder._id }));
      removed += await unlessBusy(async () => Number(await this.trash.removeOld(folder, hasFiles, signal)));
    }
    return removed;
  }
}

// A cursor that is not asked for ten minutes ends: as few documents at once as are surely dealt with by then.
const BATCHED = { batchSize: 20 };

/** What the work resolves with; nothing where its account’s folders are busy, or gone: the next pass looks again. */
async function unlessBusy(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (hasCode(error, 'CONFLICT') || hasCode(error, 'NOT_FOUND')) return 0;
    throw error;
  }
}
