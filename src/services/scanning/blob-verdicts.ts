import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import type { VirusScan } from '../../models/file-details.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import { isDuplicateKey, type ObjectId } from '../../models/object-id.ts';
import type { Verdict } from '../../scanning/scanner.ts';
import { LOST } from '../copies/blob-files.ts';
import type { FileEvents } from '../live/file-events.ts';
import {
  type Clean,
  type Infected,
  isInfected,
  type Judgement,
  judge,
  NOT_INFECTED,
  UNSCANNED,
  type Unjudged,
} from './judgement.ts';
import { HELD, type QuarantineNotices } from './quarantine-notices.ts';

/** What a file tells of its content’s scan. */
export interface ScanTold {
  readonly virus: VirusScan;
  readonly isAwaitingScan?: true;
}

/** Until who wrote a verdict must have died, where its files do not know of it by then; milliseconds. */
export const TELL_MS = 30_000;
// How long a reference that is being made may still tell its file of the former verdict.
const CLAIM_PATIENCE_MS = 5_000;
const MOST_ROUNDS = 5;
const TOLD = { userId: 1, folder: 1, isDeleted: 1, access: 1 } as const;

/**
 * What is known of contents. A verdict is written into the blob first, where every reader looks, together with the note
 * that its files do not know of it yet; whatever a crash leaves between the two, the job that scans finishes.
 */
export class BlobVerdicts {
  private readonly blobs: Collections['blobs'];
  private readonly files: Collections['files'];
  private readonly notices: QuarantineNotices;
  private readonly events: Pick<FileEvents, 'tell'> | null;

  constructor(
    { blobs, files }: Pick<Collections, 'blobs' | 'files'>,
    notices: QuarantineNotices,
    events: Pick<FileEvents, 'tell'> | null = null,
  ) {
    this.blobs = blobs;
    this.files = files;
    this.notices = notices;
    this.events = events;
  }

  /** The blob as it is now; null once it is gone. */
  find(id: ObjectId): Promise<Blob | null> {
    return this.blobs.findById(id).lean<Blob>();
  }

  /** What a verdict on this content means: it is clean where an administrator has let that be found in it. */
  async judge({ hash, size }: Pick<Blob, 'hash' | 'size'>, verdict: Verdict): Promise<Judgement> {
    if (verdict.kind !== 'infected') return judge(verdict);
    const released = { hash, size, releasedThreats: verdict.threat };
    const isReleased =
      (await this.blobs.exists({ ...released, live: true })) ??
      (await this.blobs.exists({ ...released, live: false, ...NOT_INFECTED }));
    return judge(verdict, isReleased ? [verdict.threat] : []);
  }

  /**
   * Notes what the scan of an upload that refers to the blob came to; resolves with what its file is to tell, or with
   * null when the blob was found infected meanwhile.
   */
  async admit(blob: Blob, judgement: Clean | Unjudged): Promise<ScanTold | null> {
    const tellBy = later(TELL_MS);
    const known =
      judgement.kind === 'clean'
        ? await this.noteClean(blob, judgement, tellBy)
        : await this.note(blob, judgement);
    if (!known) return null;
    // What another has noted it tells, or the job: else each upload of a content that many share would cost a walk over
    // all of its files.
    if (known.isVerdictUntold && known.scanDueAt?.getTime() === tellBy.getTime()) await this.tell(blob._id);
    const virus = known.virus ?? UNSCANNED;
    const isWaiting = judgement.kind === 'unjudged' && judgement.cause !== null && !virus.isScanned;
    return { virus, ...(isWaiting && !known.releasedAt && { isAwaitingScan: true }) };
  }

  /** Notes what a later scan came to, and tells the files. */
  async record({ _id }: Blob, judgement: Clean | Infected): Promise<void> {
    if (judgement.kind === 'infected') await this.condemn({ _id }, judgement);
    else {
      const { virus } = judgement;
      const set = { virus, scannedFor: virus.scanEngine, isVerdictUntold: true, scanDueAt: later(TELL_MS) };
      await this.blobs.collection.updateOne({ _id, ...NOT_INFECTED }, {
        $set: set,
        $unset: { scanTries: '' },
      } as never);
    }
    await this.tell(_id);
  }

  /** Notes that the scanner could not tell, and never will while it is as it is. */
  async recordUnscannable({ _id }: Pick<Blob, '_id'>, engine: string): Promise<void> {
    // What is due then is not the scan, but that its files are told.
    await this.blobs.updateOne(
      { _id, isVerdictUntold: { $ne: true } },
      { $set: { scannedFor: engine }, $unset: { scanDueAt: '', scanTries: '' } },
    );
  }

  /** Puts a scan off that failed. */
  async putOff({ _id }: Pick<Blob, '_id'>, milliseconds: number): Promise<void> {
    await this.blobs.updateOne({ _id }, { $set: { scanDueAt: later(milliseconds) }, $inc: { scanTries: 1 } });
  }

  /**
   * Takes a blob away from every reader at once and from every upload to come; null when there is no such one. Its files
   * are to be told.
   */
  async condemn(filter: object, { virus, threat }: Infected): Promise<Blob | null> {
    const set = { live: false, virus, threat, scannedFor: virus.scanEngine, isVerdictUntold: true };
    const take = (more: object) =>
      this.blobs.collection.findOneAndUpdate(
        { ...filter, ...NOT_INFECTED },
        { $set: { ...set, scanDueAt: later(TELL_MS), ...more }, $unset: { scanTries: '' } } as never,
        { returnDocument: 'after' },
      ) as Promise<Blob | null>;
    try {
      return await take({ quarantinedAt: new Date() });
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      // Another one takes in what is infected with it; this one only keeps its files’.
      return take({});
    }
  }

  /** Tells the blob’s files what is known of it by now; may be repeated. */
  async tell(id: ObjectId): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const blob = await this.find(id);
      if (!blob?.isVerdictUntold) return;
      if (isInfected(blob)) await this.tellInfected(blob);
      else await this.tellFree(blob);
      const seen = { _id: id, 'virus.isClean': blob.virus?.isClean, releasedAt: blob.releasedAt };
      // An upload that refers to it since before may yet complete with what it was told then.
      const ended = blob.claims?.length
        ? { $set: { scanDueAt: later(CLAIM_PATIENCE_MS) } }
        : { $unset: { isVerdictUntold: '', scanDueAt: '' } };
      if ((await this.blobs.collection.updateOne(present(seen), ended as never)).matchedCount === 1) return;
    }
  }

  private async tellInfected({ _id, virus, threat }: Blob): Promise<void> {
    const hidden = await this.files.find({ blob: _id, ...LISTED }, TOLD).lean();
    await this.files.collection.updateMany(
      { blob: _id, purgingAt: { $exists: false }, $or: [LISTED, LOST] },
      {
        $set: { uploadStatus: UploadStatus.FAILED, quarantinedAt: new Date(), virus, threat },
        $unset: { lostAt: '', isAwaitingScan: '' },
      } as never,
    );
    for (const file of hidden) void this.events?.tell(FileChangeKind.UPDATED, file);
    await this.notices.sendFor(_id);
  }

  private async tellFree({ _id, virus = UNSCANNED, releasedAt }: Blob): Promise<void> {
    const released = await this.files.find({ blob: _id, ...HELD } as never, TOLD).lean();
    const opened = await this.files.find({ blob: _id, ...LISTED, isAwaitingScan: true }, TOLD).lean();
    await this.files.collection.updateMany({ blob: _id, ...HELD }, {
      $set: { uploadStatus: UploadStatus.COMPLETED, virus },
      $unset: { quarantinedAt: '', threat: '', quarantineToldAt: '', isAwaitingScan: '' },
    } as never);
    const isOpen = virus.isScanned || releasedAt;
    await this.files.collection.updateMany({ blob: _id, ...LISTED }, {
      $set: { virus },
      ...(isOpen && { $unset: { isAwaitingScan: '' } }),
    } as never);
    for (const file of released) void this.events?.tell(FileChangeKind.CREATED, file);
    for (const file of isOpen ? opened : []) void this.events?.tell(FileChangeKind.UPDATED, file);
  }

  /** The blob, with the verdict; its files are to be told only where it is news to them. */
  private async noteClean({ _id }: Blob, { virus }: Clean, tellBy: Date): Promise<Blob | null> {
    const isNews = {
      $and: [
        { $gt: ['$refCount', 1] },
        {
          $or: [
            { $and: [virus.scanEngine !== null, { $ne: ['$virus.scanEngine', virus.scanEngine] }] },
            { $ne: ['$virus.isScanned', true] },
          ],
        },
      ],
    };
    // What a former verdict left to be told stays so: this one may be no news, and that one is to all files.
    const isUntold = { $eq: ['$isVerdictUntold', true] };
    const when = (field: string, value: unknown) => ({
      $cond: [isNews, value, { $cond: [isUntold, `$${field}`, '$$REMOVE'] }],
    });
    // No scanner is asked about an empty content, so nothing is learnt that is not known.
    const isKnown = virus.scanEngine === null ? { $eq: ['$virus.isScanned', true] } : false;
    const unlessKnown = (field: string, value: unknown) => ({
      $cond: [isKnown, `$${field}`, { $literal: value }],
    });
    return (await this.blobs.collection.findOneAndUpdate(
      { _id, ...NOT_INFECTED },
      [
        {
          $set: {
            isVerdictUntold: when('isVerdictUntold', true),
            scanDueAt: when('scanDueAt', tellBy),
            virus: unlessKnown('virus', virus),
            scannedFor: unlessKnown('scannedFor', virus.scanEngine),
            scanTries: '$$REMOVE',
          },
        },
      ],
      { returnDocument: 'after' },
    )) as Blob | null;
  }

  /** The blob, made due for a scan where one is wanted and can come to something. */
  private async note(blob: Blob, { cause, engine }: Unjudged): Promise<Blob | null> {
    // Without a scanner it says what it said when it was referred to.
    if (cause === null) return blob;
    const { _id } = blob;
    const isOpen = { _id, live: true, 'virus.isScanned': { $ne: true }, releasedAt: { $exists: false } };
    if (cause === 'unavailable') {
      await this.blobs.updateOne(
        { ...isOpen, scanDueAt: { $exists: false } },
        { $set: { scanDueAt: new Date() } },
      );
    } else if (engine) {
      await this.blobs.updateOne(isOpen, { $set: { scannedFor: engine } });
    }
    return this.blobs.findOne({ _id, ...NOT_INFECTED }).lean<Blob>();
  }
}

const later = (milliseconds: number) => new Date(Date.now() + milliseconds);

const present = (filter: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(filter).map(([name, value]) => [name, value ?? { $exists: false }]),
  ) as never;
