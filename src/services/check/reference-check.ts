import { setTimeout as pause } from 'node:timers/promises';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED } from '../../models/file.ts';
import { ObjectId } from '../../models/object-id.ts';
import { LOST, placedAt } from '../copies/blob-files.ts';
import type { BlobPlacement } from '../copies/blob-placement.ts';
import { isKept } from '../copies/kept-blobs.ts';
import { countReferences } from '../versions/contents.ts';
import type { LostContents } from './lost-contents.ts';
import { PAUSE_MS, SteadyCount } from './steady-count.ts';
import type { Finding, Suspicion } from './storage-findings.ts';
import type { Repaired } from './storage-repair.ts';

const PAGE = 1000;

type Told = ReturnType<typeof toldOf>;

/** What the files say of their blob, summed up. */
interface Referring {
  _id: ObjectId;
  files: number;
  listed: number;
  lost: number;
  places: Told[];
}

/** What was met on the way. */
export interface ReferencesMet {
  contents: number;
  /** Contents that are lost and known to be. */
  lost: number;
  readonly providers: Set<string>;
}

/** Holds blobs against the files that refer to them: how many there are, where they say it lies, and whether it is lost. */
export class ReferenceCheck {
  private readonly collections: Pick<Collections, 'blobs' | 'files'>;
  private readonly placement: BlobPlacement;
  private readonly lost: LostContents;
  private readonly count: SteadyCount;

  constructor(
    collections: Pick<Collections, 'blobs' | 'files'>,
    placement: BlobPlacement,
    lost: LostContents,
  ) {
    this.collections = collections;
    this.placement = placement;
    this.lost = lost;
    const { blobs, files } = collections;
    this.count = new SteadyCount(blobs.collection as never, 'refCount', (blob, claimed) =>
      countReferences(files, blob, claimed),
    );
  }

  /** Everything that looks wrong at first sight, a page of blobs and the files of the same range of ids at a time. */
  async *suspicions(met: ReferencesMet, signal: AbortSignal): AsyncGenerator<Suspicion> {
    const { blobs } = this.collections;
    for (let after: ObjectId | null = null; ; ) {
      signal.throwIfAborted();
      const page: Blob[] = await blobs
        .find(after ? { _id: { $gt: after } } : {})
        .sort({ _id: 1 })
        .limit(PAGE)
        .lean<Blob[]>();
      const last: ObjectId | undefined = page.length === PAGE ? page.at(-1)?._id : undefined;
      const referring = await this.referring(after, last);
      for (const blob of page) {
        meet(met, blob);
        yield* this.ofBlob(blob, referring.get(String(blob._id)), signal);
        referring.delete(String(blob._id));
      }
      for (const { _id, listed } of referring.values()) if (listed > 0) yield this.withoutBlob(_id);
      if (!last) return;
      after = last;
    }
  }

  private async referring(after: ObjectId | null, last: ObjectId | undefined) {
    const range = { $gt: after ?? FIRST, ...(last && { $lte: last }) };
    const sums = this.collections.files.aggregate<Referring>([
      { $match: { blob: range } },
      {
        $group: {
          _id: '$blob',
          files: { $sum: 1 },
          listed: { $sum: { $cond: [{ $eq: ['$uploadStatus', LISTED.uploadStatus] }, 1, 0] } },
          lost: { $sum: { $cond: [{ $gt: ['$lostAt', null] }, 1, 0] } },
          places: {
            $addToSet: {
              storageProvider: '$storageProvider',
              storageLocation: '$storageLocation',
              backupLocation: { $ifNull: ['$backupLocation', null] },
              keyId: { $ifNull: ['$encryption.keyId', null] },
            },
          },
        },
      },
    ]);
    const found = new Map((await sums).map((sum) => [String(sum._id), sum]));
    // And how often each blob is an earlier content of a file.
    const earlier = this.collections.files.aggregate<{ _id: ObjectId; count: number }>([
      { $match: { versions: { $elemMatch: { blob: range } } } },
      { $unwind: '$versions' },
      { $match: { 'versions.blob': range } },
      { $group: { _id: '$versions.blob', count: { $sum: 1 } } },
    ]);
    for (const { _id, count } of await earlier) {
      const sum = found.get(String(_id)) ?? { _id, files: 0, listed: 0, lost: 0, places: [] };
      found.set(String(_id), { ...sum, files: sum.files + count });
    }
    return found;
  }

  private *ofBlob(blob: Blob, sum: Referring | undefined, signal: AbortSignal): Generator<Suspicion> {
    if (!isKept(blob)) return;
    const isUnnoted = blob.refCount <= 0 && !blob.unreferencedAt;
    if (blob.claims?.length || isUnnoted || (sum?.files ?? 0) !== blob.refCount) {
      yield this.wrongCount(blob._id, signal);
    }
    if (!sum) return;
    if (blob.lostAt ? sum.listed > 0 : sum.lost > 0) yield this.wrongStatus(blob._id, signal);
    if (sum.places.some((told) => !isSame(told, toldOf(blob)))) yield this.wrongPlace(blob._id, signal);
  }

  private wrongCount(blob: ObjectId, signal: AbortSignal): Suspicion {
    const finding = (what: string): Finding => ({ kind: 'wrong-count', what, blob });
    return {
      confirm: async () => {
        const wrong = await this.count.wrong(blob, signal);
        if (wrong) {
          const { count, expected } = wrong;
          const unreferencedAt = expected > 0 ? '$$REMOVE' : '$$NOW';
          const repair = async () => done(await this.count.setRight(blob, wrong, { unreferencedAt }));
          return { finding: finding(`${count} references are counted, there are ${expected}`), repair };
        }
        const { blobs } = this.collections;
        if (!(await blobs.exists({ _id: blob, ...UNNOTED }))) return null;
        const note = { $set: { unreferencedAt: new Date() } };
        const repair = async () =>
          done((await blobs.updateOne({ _id: blob, ...UNNOTED }, note)).matchedCount === 1);
        return { finding: finding('nothing refers to it, and nothing says since when'), repair };
      },
    };
  }

  private wrongStatus(id: ObjectId, signal: AbortSignal): Suspicion {
    const look = async () => {
      const blob = await this.placement.find(id);
      if (!blob) return null;
      const wrong = blob.lostAt ? LISTED : LOST;
      return (await this.collections.files.exists({ blob: id, ...wrong })) ? blob : null;
    };
    return {
      confirm: async () => {
        const blob = await twice(look, signal);
        if (!blob) return null;
        const what = blob.lostAt
          ? 'files are there of a lost content'
          : 'files have failed, their content is there';
        const repair = async () => {
          await (blob.lostAt ? this.lost.failFiles(id) : this.lost.reviveFiles(id));
          return done(true);
        };
        return { finding: { kind: 'wrong-status', what, blob: id }, repair };
      },
    };
  }

  private wrongPlace(id: ObjectId, signal: AbortSignal): Suspicion {
    const look = async () => {
      const blob = await this.placement.find(id);
      // A copy that is due, or a reference that is being made, tells the files itself.
      if (!blob || blob.copyDueAt || blob.claims?.length) return null;
      const { keyId, ...place } = toldOf(blob);
      const right = Object.entries({ ...place, 'encryption.keyId': keyId });
      const told = right.map(([field, value]) => ({ [field]: { $ne: value } }));
      const wrong = { blob: id, purgingAt: { $exists: false }, $or: told };
      const file = await this.collections.files.findOne(wrong, { _id: 1 }).lean();
      return file && { blob, file: file._id };
    };
    return {
      confirm: async () => {
        const found = await twice(look, signal);
        if (!found) return null;
        const { provider, location } = found.blob;
        const key = found.blob.encryption ? `, encrypted with ${found.blob.encryption.keyId}` : '';
        const what = `files say that it lies elsewhere than at ${provider} in ${location}${key}`;
        const repair = async () => {
          const blob = await this.placement.find(id);
          if (blob) await this.placement.tellFiles(blob);
          return done(true);
        };
        return { finding: { kind: 'wrong-place', what, blob: id, file: found.file }, repair };
      },
    };
  }

  /** Files of a blob that there is not. */
  private withoutBlob(id: ObjectId): Suspicion {
    const { files } = this.collections;
    return {
      confirm: async () => {
        const file = await files.findOne({ blob: id, ...LISTED }, { _id: 1 }).lean();
        // The blob after the file: it outlives the last file that refers to it.
        if (!file || (await this.placement.find(id))) return null;
        if (!(await files.exists({ _id: file._id, ...LISTED }))) return null;
        const repair = async (): Promise<Repaired> => {
          await this.lost.failFiles(id);
          return { outcome: 'lost', note: 'its files have failed' };
        };
        const finding = { kind: 'missing', what: 'files have no content', blob: id, file: file._id } as const;
        return { finding, risk: 'contents', repair };
      },
    };
  }
}

const FIRST = new ObjectId('0'.repeat(24));
const UNNOTED = { live: true, refCount: { $lte: 0 }, unreferencedAt: null, 'claims.0': { $exists: false } };

const done = (isDone: boolean): Repaired =>
  isDone ? { outcome: 'repaired' } : { outcome: 'failed', note: 'it changes too often' };

/** What both of two looks found, a pause apart; null when the first or the second found nothing. */
async function twice<Found>(look: () => Promise<Found | null>, signal: AbortSignal): Promise<Found | null> {
  if (!(await look())) return null;
  await pause(PAUSE_MS, undefined, { signal });
  return look();
}

function meet(met: ReferencesMet, blob: Blob): void {
  met.contents += 1;
  if (blob.lostAt) met.lost += 1;
  for (const { provider } of [blob, ...(blob.replicas ?? [])]) met.providers.add(provider);
}

/** What the files of a blob should say of it, as it can be compared. */
function toldOf(blob: Blob) {
  const { encryption, ...place } = placedAt(blob);
  return { ...place, keyId: encryption.keyId };
}

const isSame = (one: Told, other: Told) =>
  one.storageProvider === other.storageProvider &&
  one.storageLocation === other.storageLocation &&
  one.backupLocation === other.backupLocation &&
  one.keyId === other.keyId;
