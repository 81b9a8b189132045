import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import type { Filter, ObjectId } from '../../models/object-id.ts';
import type { Ledger } from '../ledger.ts';
import { HELD } from '../scanning/quarantine-notices.ts';

const BATCH = 100;
const AT_ONCE = 8;

/**
 * Removes files for good. The counts a file stands for become claims before its document goes, so a crash between
 * two steps leaves something that names what is left to do: the file’s `purgingAt`, or a claim without a file.
 */
export class FilePurge {
  private readonly files: Collections['files'];
  private readonly usage: Ledger;
  private readonly references: Ledger;

  constructor(files: Collections['files'], usage: Ledger, references: Ledger) {
    this.files = files;
    this.usage = usage;
    this.references = references;
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

  /** Carries on with a file whose removal has begun. */
  async finish(file: Pick<StoredFile, '_id' | 'userId' | 'fileSize' | 'blob'>): Promise<void> {
    const { _id, userId, fileSize, blob } = file;
    const counts = [
      { ledger: this.usage, owner: userId, amount: fileSize },
      ...(blob ? [{ ledger: this.references, owner: blob, amount: 1 }] : []),
    ];
    const claimed = await Promise.all(
      counts.map(({ ledger, owner, amount }) => ledger.reclaim(owner, _id, amount)),
    );
    const removed = await this.remove(_id);
    await Promise.all(
      counts.map(({ ledger, owner }, i) => {
        if (removed) return ledger.release(owner, _id);
        // Somebody else removed it and gave its counts back: a claim made here afterwards stands for nothing.
        return claimed[i] && ledger.withdraw(owner, _id);
      }),
    );
  }

  /** True for the one caller whose doing it was. */
  private async remove(_id: ObjectId): Promise<boolean> {
    const { deletedCount } = await this.files.deleteOne({ _id, direct: { $exists: false } });
    if (deletedCount === 1) return true;
    // Parts of a direct upload may still lie in the store: what names them stays for the sweep, and nothing else.
    const { modifiedCount } = await this.files.collection.updateOne(
      { _id, direct: { $exists: true }, purgingAt: { $exists: true } },
      [{ $set: { heartbeatAt: '$direct.expiresAt' } }, { $unset: ['purgingAt', 'blob'] }],
    );
    return modifiedCount === 1;
  }
}
