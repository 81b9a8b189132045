import type { Collections } from '../../models/collections.ts';
import type { StoredFile } from '../../models/file.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Ledger } from '../ledger.ts';
import { CONTENTS, type Content, contentsOf } from './contents.ts';

/**
 * Removes single earlier contents for good. Whoever marks one by its `purgingAt` removes it, and nobody else but a sweep
 * that takes them for dead: two would take each other’s claims for their own.
 */
export class VersionPurge {
  private readonly files: Collections['files'];
  private readonly usage: Ledger;
  private readonly references: Ledger;

  constructor(files: Collections['files'], usage: Ledger, references: Ledger) {
    this.files = files;
    this.usage = usage;
    this.references = references;
  }

  /** Removes contents of the file that are marked, and gives their bytes back to its owner’s quota. */
  async finish(file: Pick<StoredFile, '_id' | 'userId'>, marked: readonly Content[]): Promise<void> {
    for (const content of marked) await this.finishOne(file, content);
  }

  /** Finishes removals that were marked before then and did not end; resolves with how many. The signal ends it. */
  async finishStale(before: Date, signal?: AbortSignal): Promise<number> {
    let finished = 0;
    const stale = { 'versions.purgingAt': { $lt: before } };
    for await (const file of this.files.find(stale, CONTENTS, { batchSize: 100 }).lean()) {
      for (const content of contentsOf(file)) {
        if (!content.purgingAt || content.purgingAt >= before) continue;
        signal?.throwIfAborted();
        if (!(await this.takeOver(file._id, content))) continue;
        await this.finishOne(file, content);
        finished += 1;
      }
    }
    return finished;
  }

  private async takeOver(_id: ObjectId, { id, purgingAt }: Content): Promise<boolean> {
    const { modifiedCount } = await this.files.collection.updateOne(
      { _id, versions: { $elemMatch: { _id: id, purgingAt } } } as never,
      { $set: { 'versions.$.purgingAt': new Date() } },
    );
    return modifiedCount === 1;
  }

  private async finishOne(file: Pick<StoredFile, '_id' | 'userId'>, content: Content): Promise<void> {
    const { id, fileSize, blob } = content;
    const counts = [
      { ledger: this.usage, owner: file.userId, amount: fileSize },
      ...(blob ? [{ ledger: this.references, owner: blob, amount: 1 }] : []),
    ];
    const claimed = await Promise.all(
      counts.map(({ ledger, owner, amount }) => ledger.reclaim(owner, id, amount)),
    );
    const { modifiedCount } = await this.files.collection.updateOne(
      { _id: file._id, versions: { $elemMatch: { _id: id, purgingAt: { $exists: true } } } },
      { $pull: { versions: { _id: id }, contents: id } as never },
    );
    await Promise.all(
      counts.map(({ ledger, owner }, i) => {
        if (modifiedCount === 1) return ledger.release(owner, id);
        return claimed[i] && ledger.withdraw(owner, id);
      }),
    );
  }
}
