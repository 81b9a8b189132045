import { AppError } from '../../../errors.ts';
import type { Collections } from '../../../models/collections.ts';
import { isDuplicateKey, ObjectId } from '../../../models/object-id.ts';
import type { ShareLink } from '../../../models/share-link.ts';
import { endedAfter } from './link-end.ts';

/** One download through a link, or a further piece of one. */
export interface Delivery {
  /** Whether it was counted; a piece of one that was counted before is not. */
  readonly isNew: boolean;
  /** To be called once, with the bytes that were really handed over, and whether it came to its end. */
  ended(sent: number, isComplete: boolean): Promise<void>;
}

/** Who fetches what through which link. */
export interface Wanted {
  readonly link: Pick<ShareLink, '_id'>;
  /** The file, or the folder whose files are fetched as one. */
  readonly thing: ObjectId;
  /** All bytes that it has. */
  readonly size: number;
  /** What tells the visitor from others. */
  readonly client: string;
}

type Counted = Pick<Collections, 'shares' | 'linkDeliveries'>;
type Key = { share: ObjectId; file: ObjectId; client: string };

const LIVES_MS = 24 * 3_600_000;
// What broke off can be fetched again in whole once; more is another download.
const MOST_TIMES = 2;

/**
 * Counts the downloads through links, each once: what goes on with one within a day, by ranges, is the same as long as it
 * brings no more than twice the file. Every step is atomic, so no number of tries at once gets more than a link allows.
 */
export class LinkDeliveries {
  private readonly collections: Counted;

  constructor(collections: Counted) {
    this.collections = collections;
  }

  /** Begins to hand over the whole, or with `length` a range of it; GONE where the link’s downloads are used up. */
  async begin(wanted: Wanted, length?: number): Promise<Delivery> {
    const key = keyOf(wanted);
    const turn = length === undefined ? null : await this.goOn(key, wanted.size, length);
    if (turn) return this.delivery(key, turn, length ?? 0, false);
    if (!(await this.count(wanted.link))) throw usedUp();
    const reserved = length ?? wanted.size;
    return this.delivery(key, await this.remember(key, reserved), reserved, true);
  }

  /** Whether a download of this client’s can go on: of one thing, or without `thing` of any. */
  async goesOn({ _id }: Pick<ShareLink, '_id'>, client: string, thing?: ObjectId): Promise<boolean> {
    const one = { share: _id, client, ...(thing && { file: thing }), expiresAt: { $gt: new Date() } };
    return (await this.collections.linkDeliveries.exists(one)) !== null;
  }

  /** The turn that the client is at, its bytes reserved beforehand: pieces asked for at once must not pass together. */
  private async goOn(key: Key, size: number, length: number): Promise<ObjectId | null> {
    const room = { expiresAt: { $gt: new Date() }, sent: { $lte: MOST_TIMES * size - length } };
    const going = await this.collections.linkDeliveries
      .findOneAndUpdate({ ...key, ...room }, { $inc: { sent: length } })
      .lean();
    return going?.turn ?? null;
  }

  private async count({ _id }: Pick<ShareLink, '_id'>): Promise<boolean> {
    const { shares } = this.collections;
    const link = await shares
      .findOneAndUpdate(
        {
          _id,
          revokedAt: null,
          $or: [{ maxDownloads: null }, { $expr: { $lt: ['$downloads', '$maxDownloads'] } }],
        },
        { $inc: { downloads: 1 } },
        { returnDocument: 'after', timestamps: false },
      )
      .lean();
    if (link && !isLeft(link)) {
      await shares.updateOne({ _id }, { $min: { goneAfter: endedAfter(new Date()) } }, { timestamps: false });
    }
    return link !== null;
  }

  private async remember(key: Key, sent: number): Promise<ObjectId> {
    const turn = new ObjectId();
    const set = { $set: { turn, sent, expiresAt: new Date(Date.now() + LIVES_MS) } };
    for (;;) {
      try {
        await this.collections.linkDeliveries.updateOne(key, set, { upsert: true });
        return turn;
      } catch (error) {
        // Another request of the same client was first: it is there now, to be changed.
        if (!isDuplicateKey(error)) throw error;
      }
    }
  }

  private delivery(key: Key, turn: ObjectId, reserved: number, isNew: boolean): Delivery {
    return {
      isNew,
      ended: async (sent, isComplete) => {
        const isNothing = isNew && sent === 0 && !isComplete;
        if (isNothing && (await this.giveBack(key, turn, reserved))) return;
        const unsent = reserved - sent;
        if (unsent <= 0) return;
        await this.collections.linkDeliveries.updateOne({ ...key, turn }, { $inc: { sent: -unsent } });
      },
    };
  }

  /** Takes a download back of which not a byte was handed over, under it or under a range that went on with it. */
  private async giveBack(key: Key, turn: ObjectId, reserved: number): Promise<boolean> {
    const { shares, linkDeliveries } = this.collections;
    const { deletedCount } = await linkDeliveries.deleteOne({ ...key, turn, sent: reserved });
    if (deletedCount === 0) return false;
    const link = await shares
      .findOneAndUpdate(
        { _id: key.share, downloads: { $gt: 0 } },
        { $inc: { downloads: -1 } },
        { returnDocument: 'after', timestamps: false },
      )
      .lean();
    // It is not used up any more; whatever else ended it has a time of its own.
    if (link && !link.revokedAt) {
      const goneAfter = link.expiresAt ? endedAfter(link.expiresAt) : null;
      const change = goneAfter ? { $set: { goneAfter } } : { $unset: { goneAfter: 1 } };
      await shares.updateOne({ _id: link._id, revokedAt: null }, change, { timestamps: false });
    }
    return true;
  }
}

/** Whether a link allows another download. */
export const isLeft = ({ maxDownloads, downloads }: Pick<ShareLink, 'maxDownloads' | 'downloads'>): boolean =>
  maxDownloads == null || downloads < maxDownloads;

/** The error of a link whose downloads were all fetched. */
export const usedUp = () => new AppError('GONE', 'This link’s downloads are used up.');

const keyOf = ({ link, thing, client }: Wanted): Key => ({ share: link._id, file: thing, client });
