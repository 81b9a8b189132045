import { KeyFailure } from '../../encryption/key-failure.ts';
import type { Blob } from '../../models/blob.ts';
import type { BlobEncryption } from '../../models/blob-encryption.ts';
import type { Collections } from '../../models/collections.ts';
import { NEVER, type StoredFile } from '../../models/file.ts';
import type { Expression, ObjectId } from '../../models/object-id.ts';
import { untilAborted } from '../at-once.ts';
import { tellFiles } from './blob-files.ts';
import { type ContentKeys, encryptionTold } from './content-keys.ts';
import { canReadPreview, previewCounts, rewrapPreviews } from './preview-keys.ts';

const AT_ONCE = 8;
const BATCHED = { batchSize: 100 };
const NAMED = { $gt: '' };
// A key is not wrong for one document that is.
const SAMPLES = 8;

/** One master key and what it wraps. */
export interface KeyUse {
  readonly name: string;
  /** What it is to this process; `wrong` where it does not open what the documents say it wraps. */
  readonly state: 'current' | 'former' | 'missing' | 'wrong';
  readonly blobs: number;
  /** Direct uploads that are under way. */
  readonly uploads: number;
  /** Small pictures of contents. */
  readonly previews: number;
}

/** Is told how a rotation goes on. */
export interface RotationObserver {
  rewrapped(): void;
  /** Some stay under a master key, all of whose data keys cannot be unwrapped, or one of them. */
  failed(keyId: string, error: unknown): void;
}

interface Wrapped {
  readonly encryption: BlobEncryption;
}

/**
 * Wraps data keys anew with the current master key, while contents are read and others come; contents stay as they are.
 * Each step is one atomic change of one document that still has the key it was read with, so any number of rotations may
 * run, and one that was stopped goes on when it is begun again.
 */
export class KeyRotation {
  private readonly collections: Pick<Collections, 'blobs' | 'files'>;
  private readonly keys: ContentKeys;

  constructor(collections: Pick<Collections, 'blobs' | 'files'>, keys: ContentKeys) {
    this.collections = collections;
    this.keys = keys;
  }

  /** The master keys whose contents cannot be read with what is configured; costs no more than a few lookups. */
  async unreadable(): Promise<{ name: string; state: 'missing' | 'wrong' }[]> {
    const { blobs } = this.collections;
    const names = await blobs.distinct('encryption.keyId', { 'encryption.keyId': NAMED });
    const found: { name: string; state: 'missing' | 'wrong' }[] = [];
    for (const name of names) {
      const state = await this.stateOf(name);
      if (state === 'missing' || state === 'wrong') found.push({ name, state });
    }
    return found;
  }

  /**
   * Throws where the current master key does not open what its name has wrapped: nothing may be wrapped with it, since two
   * keys of one name cannot be configured together.
   */
  async requireCurrent(): Promise<void> {
    const { current } = this.keys.masters;
    if (current === null || (await this.stateOf(current)) !== 'wrong') return;
    throw new Error(
      `ENCRYPTION_KEYS gives another key than the one that ${current} was until now. Put that one back, or give the new key a new name.`,
    );
  }

  /** Every master key that is configured or used, the current one first. */
  async uses(): Promise<KeyUse[]> {
    const [blobs, uploads, previews] = await Promise.all([
      this.blobCounts(),
      this.uploadCounts(),
      previewCounts(this.collections.blobs).then(counts),
    ]);
    const used = [...blobs.keys(), ...uploads.keys(), ...previews.keys()];
    const names = new Set([...this.keys.masters.names, ...used]);
    return Promise.all(
      [...names].map(async (name) => ({
        name,
        state: await this.stateOf(name),
        blobs: blobs.get(name) ?? 0,
        uploads: uploads.get(name) ?? 0,
        previews: previews.get(name) ?? 0,
      })),
    );
  }

  /**
   * Wraps everything anew that is not under the current master key and resolves with how much there was; what cannot be
   * unwrapped stays, is told to the observer and counted. Rejects as `requireCurrent`, and with the signal’s reason once that
   * is aborted.
   */
  async rotate(
    observer: RotationObserver,
    signal: AbortSignal,
  ): Promise<{ rewrapped: number; failed: number }> {
    await this.requireCurrent();
    const done = { rewrapped: 0, failed: 0 };
    for (const use of await this.uses()) {
      const { name, state } = use;
      const wraps = keysUnder(use);
      if (state === 'current' || wraps === 0) continue;
      if (state === 'missing') {
        done.failed += wraps;
        observer.failed(name, new KeyFailure(name, 'missing').cause);
        continue;
      }
      const work = async (step: () => Promise<boolean>) => {
        try {
          if (!(await step())) return;
          done.rewrapped += 1;
          observer.rewrapped();
        } catch (error) {
          done.failed += 1;
          observer.failed(name, error instanceof KeyFailure ? error.cause : error);
        }
      };
      const wrapped = this.collections.blobs.find({ 'encryption.keyId': name }, null, BATCHED).lean<Blob[]>();
      await untilAborted(AT_ONCE, signal, wrapped.cursor(), (blob) =>
        work(() => this.rewrapBlob(blob as Blob & Wrapped)),
      );
      const open = this.collections.files.find(underWay(name), { 'direct.encryption': 1 }, BATCHED).lean();
      await untilAborted(AT_ONCE, signal, open.cursor(), (file) =>
        work(() => this.rewrapUpload(file as never)),
      );
      const again = (encryption: BlobEncryption, id: ObjectId) =>
        this.again(encryption, { kind: 'preview', id });
      await untilAborted(AT_ONCE, signal, rewrapPreviews(this.collections.blobs, name, again), work);
    }
    return done;
  }

  private async rewrapBlob(blob: Blob & Wrapped): Promise<boolean> {
    const { blobs, files } = this.collections;
    const { _id } = blob;
    const encryption = this.again(blob.encryption, { kind: 'blob', id: _id });
    const tell = () =>
      files.updateMany(
        { blob: _id },
        { $set: { encryption: encryptionTold({ encryption }) } },
        { timestamps: false },
      );
    // Before, so that a blob whose files were not told is met again; after, since somebody may have told them otherwise.
    await tell();
    const isToldByOthers = { $or: [{ $gt: ['$copyDueAt', null] }, { $ne: [CLAIMS, []] }] };
    const rotated = await blobs.collection.updateOne({ _id, ...unchanged('encryption', blob.encryption) }, [
      {
        $set: {
          encryption: { $literal: encryption },
          // Whoever is telling the files just now, or completes one, may do so by what was; the job tells them once more.
          copyDueAt: { $cond: [isToldByOthers, '$$NOW', '$$REMOVE'] },
        },
      },
    ]);
    if (rotated.matchedCount === 1) {
      await tell();
      return true;
    }
    const now = await blobs.findById(_id).lean<Blob>();
    if (now) await tellFiles(files, now);
    return false;
  }

  private async rewrapUpload(file: Pick<StoredFile, '_id'> & { direct: Wrapped }): Promise<boolean> {
    const { _id, direct } = file;
    const encryption = this.again(direct.encryption, { kind: 'upload', id: _id });
    const { matchedCount } = await this.collections.files.updateOne(
      { _id, ...unchanged('direct.encryption', direct.encryption) },
      { $set: { 'direct.encryption': encryption } },
      { timestamps: false },
    );
    return matchedCount === 1;
  }

  private again(encryption: BlobEncryption, owner: Parameters<ContentKeys['wrap']>[1]): BlobEncryption {
    return this.keys.wrap(this.keys.unwrap(encryption, owner), owner);
  }

  private async stateOf(name: string): Promise<KeyUse['state']> {
    const { current, names } = this.keys.masters;
    if (!names.includes(name)) return 'missing';
    const samples = await this.collections.blobs
      .find({ 'encryption.keyId': name }, { encryption: 1 })
      .limit(SAMPLES)
      .lean<Blob[]>();
    const isRight =
      samples.length > 0
        ? samples.some((sample) => this.keys.canRead(sample))
        : await canReadPreview(this.collections.blobs, name, this.keys);
    if (!isRight) return 'wrong';
    return name === current ? 'current' : 'former';
  }

  private async blobCounts(): Promise<Map<string, number>> {
    return counts(
      await this.collections.blobs.aggregate([
        { $match: { 'encryption.keyId': NAMED } },
        { $group: { _id: '$encryption.keyId', count: { $sum: 1 } } },
      ]),
    );
  }

  private async uploadCounts(): Promise<Map<string, number>> {
    return counts(
      await this.collections.files.aggregate([
        { $match: underWay(NAMED) },
        { $group: { _id: '$direct.encryption.keyId', count: { $sum: 1 } } },
      ]),
    );
  }
}

/** How many keys the master key wraps. */
export const keysUnder = ({ blobs, uploads, previews }: KeyUse) => blobs + uploads + previews;

const CLAIMS: Expression = { $ifNull: ['$claims', []] };

const counts = (found: { _id: string; count: number }[]) =>
  new Map(found.map(({ _id, count }) => [_id, count]));

const underWay = (keyId: string | typeof NAMED) => ({
  heartbeatAt: { $gt: NEVER },
  'direct.encryption.keyId': keyId,
});

const unchanged = (path: string, { keyId, wrappedKey }: BlobEncryption) => ({
  [`${path}.keyId`]: keyId,
  [`${path}.wrappedKey`]: wrappedKey,
});
