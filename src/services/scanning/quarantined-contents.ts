import type { Stores } from '../../blobs/stores.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { NEVER } from '../../models/file.ts';
import { UploadStatus } from '../../models/file-enums.ts';
import { isDuplicateKey, ObjectId } from '../../models/object-id.ts';
import type { StoredContent } from '../copies/blob-references.ts';
import type { ContentKeys } from '../copies/content-keys.ts';
import type { completion } from '../files/file-drafts.ts';
import { type BlobVerdicts, TELL_MS } from './blob-verdicts.ts';
import type { Infected } from './judgement.ts';

const MOST_RACES = 5;

/** Infected contents that uploads bring: each kept once, in a blob that no upload is given and nobody is served. */
export class QuarantinedContents {
  private readonly collections: Pick<Collections, 'blobs' | 'files'>;
  private readonly stores: Stores;
  private readonly verdicts: BlobVerdicts;
  private readonly keys: ContentKeys;

  constructor(
    collections: Pick<Collections, 'blobs' | 'files'>,
    stores: Stores,
    verdicts: BlobVerdicts,
    keys: ContentKeys,
  ) {
    this.collections = collections;
    this.stores = stores;
    this.verdicts = verdicts;
    this.keys = keys;
  }

  /**
   * Refers the file to the quarantined blob of this content, by a claim as for any other blob. All blobs that served the
   * same content until now are condemned first.
   */
  async acquire(content: StoredContent, file: ObjectId, infected: Infected): Promise<Blob> {
    await this.condemnAll(content, infected);
    return this.claim(content, file, infected);
  }

  /** Makes the upload’s document a file in quarantine, in one step; false when it was taken for dead meanwhile. */
  async putAway(
    file: ObjectId,
    { set, unset }: ReturnType<typeof completion>,
    { virus, threat }: Pick<Blob, 'virus' | 'threat'>,
  ): Promise<boolean> {
    const { matchedCount } = await this.collections.files.collection.updateOne(
      { _id: file, uploadStatus: UploadStatus.UPLOADING },
      {
        $set: {
          ...set,
          uploadStatus: UploadStatus.FAILED,
          quarantinedAt: new Date(),
          virus,
          threat,
        } as never,
        $unset: unset,
      },
    );
    return matchedCount === 1;
  }

  private async condemnAll({ hash, size }: StoredContent, infected: Infected): Promise<void> {
    // In which an administrator has let it pass meanwhile, that stays so.
    const same = { hash, size, releasedThreats: { $ne: infected.threat } };
    const shared = await this.verdicts.condemn({ ...same, live: true }, infected);
    if (shared) await this.verdicts.tell(shared._id);
    // One without files is being deleted: it must not become the one that takes new files in.
    const unshared = { ...same, live: false, refCount: { $gt: 0 } };
    for (;;) {
      const served = await this.verdicts.condemn(unshared, infected);
      if (!served) return;
      await this.verdicts.tell(served._id);
    }
  }

  private async claim(content: StoredContent, file: ObjectId, infected: Infected, races = 0): Promise<Blob> {
    const { hash, size, key, dataKey } = content;
    const { provider, location } = this.stores.primary;
    const now = new Date();
    const _id = new ObjectId();
    const encryption = dataKey ? { encryption: this.keys.wrap(dataKey, { kind: 'blob', id: _id }) } : {};
    const { virus, threat } = infected;
    try {
      return (await this.collections.blobs.collection.findOneAndUpdate(
        { hash, size, quarantinedAt: { $gt: NEVER } },
        {
          $inc: { refCount: 1 },
          $push: { claims: { file, amount: 1, at: now } } as never,
          $set: { virus, threat, scannedFor: virus.scanEngine ?? '', isVerdictUntold: true, updatedAt: now },
          $max: { scanDueAt: new Date(now.getTime() + TELL_MS) },
          $unset: { unreferencedAt: '' },
          $setOnInsert: {
            ...encryption,
            _id,
            key,
            provider,
            location,
            live: false,
            quarantinedAt: now,
            createdAt: now,
          },
        },
        { upsert: true, returnDocument: 'after' },
      )) as Blob;
    } catch (error) {
      if (!isDuplicateKey(error) || races >= MOST_RACES) throw error;
      return this.claim(content, file, infected, races + 1);
    }
  }
}
