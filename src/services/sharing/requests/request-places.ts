import type { Collections } from '../../../models/collections.ts';
import { NEVER } from '../../../models/file.ts';
import type { Expression, ObjectId } from '../../../models/object-id.ts';
import { Ledger } from '../../ledger.ts';
import { claimedContent } from '../../versions/contents.ts';
import { KEPT_MS } from '../links/link-end.ts';

/** When a request’s document is removed, by what it says then, as the last stage of a change of it. */
export const GONE_AFTER_BY_ITSELF: Expression = {
  $set: {
    goneAfter: {
      $ifNull: [
        {
          $min: [
            { $add: ['$revokedAt', KEPT_MS] },
            { $add: ['$expiresAt', KEPT_MS] },
            { $cond: [isUsedUp(), { $add: ['$$NOW', KEPT_MS] }, null] },
          ],
        },
        '$$REMOVE',
      ],
    },
  },
};

/** The files that upload requests have taken, each a claim until it is settled whether it came; models/claim.ts tells the idea. */
export class RequestPlaces {
  private readonly files: Collections['files'];
  private readonly ledger: Ledger;

  constructor({ files, uploadRequests }: Pick<Collections, 'files' | 'uploadRequests'>) {
    this.files = files;
    this.ledger = new Ledger(uploadRequests.collection as never, 'files', {
      room: (amount) => ({
        revokedAt: null,
        $or: [{ maxFiles: null }, { $expr: { $lte: [{ $add: ['$files', amount] }, '$maxFiles'] } }],
      }),
      onSettle: [GONE_AFTER_BY_ITSELF],
      onRelease: [GONE_AFTER_BY_ITSELF],
    });
  }

  /** Takes a place for a file of this id; false where the request has none left, was taken back or is gone. */
  take(request: ObjectId, file: ObjectId): Promise<boolean> {
    return this.ledger.claim(request, file, 1);
  }

  /** Says of a place whether its file came, which gives it back where not; false while the file is on its way. */
  async end(request: ObjectId, file: ObjectId): Promise<boolean> {
    const content = await claimedContent(this.files, file);
    if (content === 'unfinished') return false;
    if (content && !(await this.isHeld(file))) await this.ledger.settle(request, file, 1);
    else await this.ledger.release(request, file);
    return true;
  }

  /** Ends the places that were taken before the given time and whose takers may be dead; resolves with how many. */
  async endStale(before: Date, signal: AbortSignal): Promise<number> {
    let ended = 0;
    for await (const { owner, claim } of this.ledger.stale(before)) {
      signal.throwIfAborted();
      if (await this.end(owner, claim.file)) ended += 1;
    }
    return ended;
  }

  /** Whether it lies in quarantine: who sent it was told that it is refused. */
  private async isHeld(_id: ObjectId): Promise<boolean> {
    return Boolean(await this.files.exists({ _id, quarantinedAt: { $gt: NEVER } }));
  }
}

function isUsedUp(): Expression {
  // Null is less than every number: without this a request for any number of files would be used up.
  return { $and: [{ $gt: ['$maxFiles', null] }, { $gte: ['$files', '$maxFiles'] }] };
}
