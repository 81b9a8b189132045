import type { Stores } from '../../blobs/stores.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { Expression, ObjectId } from '../../models/object-id.ts';
import type { Place } from '../../models/place.ts';
import { reviveFiles, tellFiles } from './blob-files.ts';
import { KEPT } from './kept-blobs.ts';
import {
  filledOnly,
  filtered,
  givenUp,
  literals,
  previewsGivenUp,
  withoutPreviews,
} from './place-expressions.ts';

/** The `deleteAfter` of a leftover that is being deleted: nothing can make it a copy, or keep it, any more. */
export const CONDEMNED = new Date(0);

const INTENT_MS = 3_600_000;
// A backend that did not answer may yet carry out what it was asked.
const AFTERMATH_MS = 10 * 60_000;
// How long a reference that is being made may still tell its file of the former place.
const CLAIM_PATIENCE_MS = 5_000;
const MOST_LEFTOVERS = 20;

/**
 * Where a blob’s copies lie, as its document says; every change is one atomic step on that document. Each step that
 * changes what its files must tell leaves `copyDueAt` behind, and only `settle`, which tells the files, takes that away:
 * whatever a crash leaves between the two, the job that looks at due blobs finishes.
 */
export class BlobPlacement {
  private readonly blobs: Collections['blobs'];
  private readonly files: Collections['files'];
  private readonly graceMs: number;

  /** A place that is given up stays for `graceMs`, since somebody may still be reading there. */
  constructor({ blobs, files }: Pick<Collections, 'blobs' | 'files'>, graceMs: number) {
    this.blobs = blobs;
    this.files = files;
    this.graceMs = graceMs;
  }

  /** The blob as it is now; null once it is gone. */
  find(id: ObjectId): Promise<Blob | null> {
    return this.blobs.findById(id).lean<Blob>();
  }

  /** Names an object before it is written, so that a crash leaves nothing unknown; false when there must be no new one. */
  async intend({ _id }: Blob, place: Place): Promise<boolean> {
    const { matchedCount } = await this.blobs.updateOne(
      { _id, ...KEPT, [`leftovers.${MOST_LEFTOVERS}`]: { $exists: false } },
      { $push: { leftovers: { ...place, deleteAfter: later(INTENT_MS) } } },
    );
    return matchedCount === 1;
  }

  /** Says that the object is still being written; false when that is in vain. */
  async renew({ _id }: Blob, place: Place): Promise<boolean> {
    const { matchedCount } = await this.blobs.updateOne(
      { _id, ...KEPT, ...intended(place) },
      { $set: { 'leftovers.$.deleteAfter': later(INTENT_MS) } },
    );
    return matchedCount === 1;
  }

  /** Forgets an object that is gone. */
  async forget({ _id }: Blob, { provider, key }: Place): Promise<void> {
    await this.blobs.updateOne({ _id }, { $pull: { leftovers: { provider, key } } });
  }

  /** Lets an object be deleted once more, some minutes from now: what wrote it may not have ended. */
  async forgetLater({ _id }: Blob, place: Place): Promise<void> {
    await this.blobs.updateOne(
      { _id, ...intended(place) },
      { $set: { 'leftovers.$.deleteAfter': later(AFTERMATH_MS) } },
    );
  }

  /**
   * Makes an intended object another copy; null when the blob has one at that provider, takes none any more, or is
   * encrypted with another key than when it was copied.
   */
  async becomeReplica({ _id, encryption }: Blob, { provider, location, key }: Place): Promise<Blob | null> {
    const same = { 'encryption.wrappedKey': encryption?.wrappedKey ?? { $exists: false } };
    const elsewhere = { provider: { $ne: provider }, 'replicas.provider': { $ne: provider }, ...same };
    return this.blobs
      .findOneAndUpdate(
        { _id, ...KEPT, ...elsewhere, ...intended({ provider, key }) },
        {
          $push: { replicas: { provider, location, key } },
          $pull: { leftovers: { provider, key } },
          $set: { copyDueAt: new Date() },
        },
        { returnDocument: 'after' },
      )
      .lean<Blob>();
  }

  /**
   * Makes an intended object, or another copy, the one that is read first, in place of the one that `blob` names; that
   * one and what lies at the same provider as the new one become leftovers, and so do previews at any other: those are made
   * anew. Null when the blob is read elsewhere by now.
   */
  async becomePrimary(blob: Blob, place: Place): Promise<Blob | null> {
    const { _id, provider, key } = blob;
    const known = {
      $or: [intended(place), { replicas: { $elemMatch: { provider: place.provider, key: place.key } } }],
    };
    const isNew = (element: string): Expression => ({
      $and: [{ $eq: [`${element}.provider`, place.provider] }, { $eq: [`${element}.key`, place.key] }],
    });
    const isBeside = { $eq: ['$$this.provider', place.provider] };
    const dropped = filtered('$replicas', { $and: [isBeside, { $not: isNew('$$this') }] });
    const kept = filtered('$leftovers', { $not: isNew('$$this') });
    const isElsewhere = { $ne: ['$$this.provider', place.provider] };
    const strays = previewsGivenUp(filtered('$previews', isElsewhere), later(this.graceMs));
    return (await this.blobs.collection.findOneAndUpdate(
      { _id, provider, key, $and: [KEPT, known] },
      [
        {
          $set: {
            ...literals(place),
            leftovers: { $concatArrays: [kept, givenUp(dropped, later(this.graceMs)), strays] },
            ...withoutPreviews(isElsewhere),
            replicas: filledOnly(filtered('$replicas', { $ne: ['$$this.provider', place.provider] })),
            copyDueAt: '$$NOW',
            damagedAt: '$$REMOVE',
            copyTries: '$$REMOVE',
            updatedAt: '$$NOW',
          },
        },
      ],
      { returnDocument: 'after' },
    )) as Blob | null;
  }

  /** Notes that a copy is not what it should be: the first is to be repaired, any other to be replaced. */
  async noteDamage({ _id }: Pick<Blob, '_id'>, { provider, location, key }: Place): Promise<void> {
    const now = new Date();
    await this.blobs.updateOne(
      { _id, provider, key, ...KEPT, damagedAt: { $exists: false } },
      { $set: { damagedAt: now, copyDueAt: now } },
    );
    await this.blobs.updateOne(
      { _id, ...KEPT, replicas: { $elemMatch: { provider, key } } },
      {
        $pull: { replicas: { provider, key } },
        $push: { leftovers: { provider, location, key, deleteAfter: later(this.graceMs) } },
        $set: { copyDueAt: now },
      },
    );
  }

  /** Takes the note back that the copy which `blob` names first is damaged. */
  async clearDamage({ _id, provider, key }: Blob): Promise<void> {
    await this.blobs.updateOne({ _id, provider, key }, { $unset: { damagedAt: '' } });
  }

  /** Tells the blob’s files where it lies. */
  async tellFiles(blob: Blob): Promise<void> {
    await tellFiles(this.files, blob);
  }

  /** Tells the files where the blob, as it was just read, lies, and ends what was due unless something came up since. */
  async settle(blob: Blob): Promise<void> {
    await this.tellFiles(blob);
    // Whoever brought a lost content back may have died before its files were.
    if (!blob.lostAt) await reviveFiles(this.files, blob._id);
    const seen = { _id: blob._id, copyDueAt: blob.copyDueAt as Date };
    // An upload that refers to it since before it was moved may yet complete with the place it was given.
    const ended = blob.claims?.length
      ? { $set: { copyDueAt: later(CLAIM_PATIENCE_MS) } }
      : ({ $unset: { copyDueAt: '', copyTries: '' } } as const);
    if ((await this.blobs.updateOne(seen, ended)).matchedCount === 1) return;
    // It changed meanwhile, and whoever changed it may have told the files before this told them what is no more so.
    await this.blobs.updateOne(
      { _id: blob._id, copyDueAt: { $exists: false }, lostAt: { $exists: false } },
      { $set: { copyDueAt: new Date() } },
    );
  }

  /** Puts off what is due, after one more try that failed, unless something came up since. */
  async putOff({ _id, copyDueAt }: Blob, milliseconds: number): Promise<void> {
    await this.blobs.updateOne(
      { _id, copyDueAt: copyDueAt as Date },
      { $set: { copyDueAt: later(milliseconds) }, $inc: { copyTries: 1 } },
    );
  }
}

/** Where else than at its copies the bytes may still lie: objects that were copies, or were to become some. */
export function formerPlaces({ leftovers = [] }: Pick<Blob, 'leftovers'>): Place[] {
  return leftovers.filter(({ deleteAfter }) => deleteAfter > CONDEMNED);
}

/** The store in which the blob is to have another copy; null where it needs none. */
export function backupFor({ backup }: Stores, { provider }: Pick<Blob, 'provider'>): Stores['backup'] {
  return backup && backup.provider !== provider ? backup : null;
}

const later = (milliseconds: number) => new Date(Date.now() + milliseconds);

const intended = ({ provider, key }: Pick<Place, 'provider' | 'key'>) => ({
  leftovers: { $elemMatch: { provider, key, deleteAfter: { $gt: CONDEMNED } } },
});
