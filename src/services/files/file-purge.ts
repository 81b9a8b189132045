import { setTimeout as pause } from 'node:timers/promises';
import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import type { Filter, ObjectId } from '../../models/object-id.ts';
import type { Ledger } from '../ledger.ts';
import type { FileEvents } from '../live/file-events.ts';
import { HELD } from '../scanning/quarantine-notices.ts';
import { forgetFile, type GivenCollections } from '../sharing/permissions/forgotten-things.ts';
import { CONTENTS, contentsOf } from '../versions/contents.ts';

const BATCH = 100;
const AT_ONCE = 8;
// How long the removal of a single content may take, until the whole file’s is left to the sweep.
const MOST_LOOKS = 20;
const LOOK_PAUSE_MS = 50;
// Counts of one file that are changed together: they are mostly of one document.
const COUNTS_AT_ONCE = 2;
const OF_CONTENTS = ['contentId', 'contents', 'versions'];

interface Count {
  readonly ledger: Ledger;
  readonly owner: ObjectId;
  /** Of the content. */
  readonly id: ObjectId;
  readonly amount: number;
}

/**
 * Removes files for good. The counts a file stands for become claims before its document goes, so a crash between
 * two steps leaves something that names what is left to do: the file’s `purgingAt`, or a claim without a file.
 */
export class FilePurge {
  private readonly files: Collections['files'];
  private readonly usage: Ledger;
  private readonly references: Ledger;
  private readonly given: GivenCollections | null;
  private readonly events: Pick<FileEvents, 'tell'> | null;

  constructor(
    files: Collections['files'],
    usage: Ledger,
    references: Ledger,
    given: GivenCollections | null = null,
    events: Pick<FileEvents, 'tell'> | null = null,
  ) {
    this.files = files;
    this.usage = usage;
    this.references = references;
    this.given = given;
    this.events = events;
  }

  /** Removes one COMPLETED file; false when there was none. Its blob is deleted later, once nothing refers to it. */
  async purge(id: ObjectId): Promise<boolean> {
    const file = await this.files
      .findOneAndUpdate(
        { _id: id, ...LISTED },
        { $set: { uploadStatus: UploadStatus.FAILED, purgingAt: new Date() } },
        { returnDocument: 'after' },
      )
      .lean();
    if (!file) return false;
    // Its grants go with it, and they tell who is to hear of it.
    await this.events?.tell(FileChangeKind.PURGED, file);
    await this.finish(file);
    return true;
  }

  /** Removes every COMPLETED file that matches; resolves with how many. The filter needs an index; the signal ends it. */
  async purgeAll(filter: Filter<StoredFile>, signal?: AbortSignal): Promise<number> {
    let removed = 0;
    for (;;) {
      const batch = await this.files
        .find({ ...filter, ...LISTED } as never, { _id: 1 })
        .limit(BATCH)
        .lean();
      if (batch.length === 0) return removed;
      for (let i = 0; i < batch.length; i += AT_ONCE) {
        signal?.throwIfAborted();
        const done = await Promise.all(batch.slice(i, i + AT_ONCE).map(({ _id }) => this.purge(_id)));
        removed += done.filter(Boolean).length;
      }
    }
  }

  /** Removes one file in quarantine for good; false when there was none. */
  async purgeHeld(id: ObjectId): Promise<boolean> {
    const file = await this.files
      .findOneAndUpdate(
        { _id: id, ...HELD },
        { $set: { purgingAt: new Date() }, $unset: { quarantinedAt: '' } },
        { returnDocument: 'after' },
      )
      .lean();
    if (!file) return false;
    await this.finish(file);
    return true;
  }

  /** Removes everything that an account has in quarantine; the signal ends it. */
  async purgeAllHeld(userId: ObjectId, signal?: AbortSignal): Promise<void> {
    for await (const { _id } of this.files
      .find({ ...HELD, userId }, { _id: 1 }, { batchSize: BATCH })
      .lean()) {
      signal?.throwIfAborted();
      await this.purgeHeld(_id);
    }
  }

  /** Carries on with a file whose removal has begun; it does not end before every content’s own removal has. */
  async finish({ _id }: Pick<StoredFile, '_id'>): Promise<void> {
    const file = await this.undisturbed(_id);
    if (!file) return;
    const counts = contentsOf(file).flatMap(({ id, fileSize, blob }) => [
      { ledger: this.usage, owner: file.userId, id, amount: fileSize },
      ...(blob ? [{ ledger: this.references, owner: blob, id, amount: 1 }] : []),
    ]);
    const claimed = new Set<Count>();
    await each(counts, async (count) => {
      if (await count.ledger.reclaim(count.owner, count.id, count.amount)) claimed.add(count);
    });
    if (this.given) await forgetFile(this.given, _id);
    const removed = await this.remove(_id);
    await each(counts, async (count) => {
      if (removed) await count.ledger.release(count.owner, count.id);
      // Somebody else removed it and gave its counts back: a claim made here afterwards stands for nothing.
      else if (claimed.has(count)) await count.ledger.withdraw(count.owner, count.id);
    });
  }

  /** The file once nobody removes a single content of it any more; null where that takes long, or there is none: the sweep carries on. */
  private async undisturbed(_id: ObjectId) {
    for (let look = 0; look < MOST_LOOKS; look += 1) {
      if (look > 0) await pause(LOOK_PAUSE_MS);
      const file = await this.files.findById(_id, CONTENTS).lean();
      if (!file?.versions?.some(({ purgingAt }) => purgingAt)) return file;
    }
    return null;
  }

  /** True for the one caller whose doing it was. */
  private async remove(_id: ObjectId): Promise<boolean> {
    const { deletedCount } = await this.files.deleteOne({ _id, direct: { $exists: false } });
    if (deletedCount === 1) return true;
    // Parts of a direct upload may still lie in the store: what names them stays for the sweep, and nothing else.
    const { modifiedCount } = await this.files.collection.updateOne(
      { _id, direct: { $exists: true }, purgingAt: { $exists: true } },
      [{ $set: { heartbeatAt: '$direct.expiresAt' } }, { $unset: ['purgingAt', 'blob', ...OF_CONTENTS] }],
    );
    return modifiedCount === 1;
  }
}

async function each(counts: readonly Count[], work: (count: Count) => Promise<void>): Promise<void> {
  for (let i = 0; i < counts.length; i += COUNTS_AT_ONCE) {
    await Promise.all(counts.slice(i, i + COUNTS_AT_ONCE).map(work));
  }
}
