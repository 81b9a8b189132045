import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { WORDED, type Worded, wordsUpdate } from '../../texts/described-words.ts';
import { readWords } from '../../texts/read-words.ts';
import { TEXT_TYPES } from '../../texts/text-kinds.ts';
import type { BlobReader } from '../copies/blob-reader.ts';
import type { FileEvent, FileEvents } from '../live/file-events.ts';

const BATCH = 100;
const PATIENCE_MS = 60_000;
const MOST_ROUNDS = 5;
const { CREATED, UPDATED } = FileChangeKind;

type Sought = Worded<ObjectId> & Pick<StoredFile, 'blob' | 'mimeType' | 'isAwaitingScan'>;

/**
 * Keeps the words of contents, so that search finds their files: a file is marked as soon as it has a content that was
 * not looked into, and looked into some seconds later. Contents that are stored encrypted are not: their words would lie
 * unencrypted in the database.
 */
export class ContentSearch {
  private readonly files: Collections['files'];
  private readonly blobs: Collections['blobs'];
  private readonly reader: Pick<BlobReader, 'open'>;
  private readonly timeoutMs: number;
  private readonly onError: (error: unknown, file?: ObjectId) => void;

  constructor(parts: {
    collections: Pick<Collections, 'files' | 'blobs'>;
    reader: Pick<BlobReader, 'open'>;
    timeoutMs: number;
    onError: (error: unknown, file?: ObjectId) => void;
  }) {
    this.files = parts.collections.files;
    this.blobs = parts.collections.blobs;
    this.reader = parts.reader;
    this.timeoutMs = parts.timeoutMs;
    this.onError = parts.onError;
  }

  /** Marks files from now on whose content is new; the function it returns ends that. */
  follow(events: Pick<FileEvents, 'onEvent'>, marked: () => void): () => void {
    return events.onEvent(({ kind, file }: FileEvent) => {
      if (kind !== CREATED && kind !== UPDATED) return;
      this.mark(file).then((isNew) => isNew && marked(), this.onError);
    });
  }

  /** Whether a file waits to be looked into. */
  async isNeeded(): Promise<boolean> {
    return Boolean(await this.files.exists({ contentWordsDueAt: { $lte: new Date() } }));
  }

  /** Looks into the contents of the files that wait for it; resolves with how many there were. */
  async run(signal: AbortSignal): Promise<number> {
    let count = 0;
    for (;;) {
      const due = await this.files
        .find({ contentWordsDueAt: { $lte: new Date() } }, { _id: 1 })
        .sort({ contentWordsDueAt: 1 })
        .limit(BATCH)
        .lean();
      if (due.length === 0) return count;
      for (const { _id } of due) {
        signal.throwIfAborted();
        await this.attend(_id, signal);
        count += 1;
      }
    }
  }

  /** Marks every file whose content was not looked into, such as those that came before contents were searched. */
  async markAll(signal: AbortSignal): Promise<number> {
    let count = 0;
    for await (const { _id } of this.files
      .find({}, { _id: 1 }, { batchSize: BATCH })
      .sort({ _id: 1 })
      .lean()) {
      signal.throwIfAborted();
      if (await this.mark(_id)) count += 1;
    }
    return count;
  }

  private async mark(_id: ObjectId): Promise<boolean> {
    const isOther = { $ne: ['$blob', { $ifNull: ['$contentWordsOf', null] }] };
    const { modifiedCount } = await this.files.collection.updateOne(
      { _id, ...LISTED, mimeType: TEXT_TYPES, $expr: isOther, contentWordsDueAt: null } as never,
      { $set: { contentWordsDueAt: new Date() } },
    );
    return modifiedCount > 0;
  }

  private async attend(_id: ObjectId, signal: AbortSignal): Promise<void> {
    const projection = { ...WORDED, blob: 1, mimeType: 1, isAwaitingScan: 1 };
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const file = (await this.files.collection.findOne({ _id, ...LISTED } as never, {
        projection,
      })) as unknown as Sought | null;
      if (!file || file.isAwaitingScan) return this.putOff(_id, file !== null);
      const words = await this.wordsOf(file, signal);
      if (words === null) return this.putOff(_id, true);
      if (await this.write(file, words)) return;
    }
    await this.putOff(_id, true);
  }

  /** Null where it is to be tried again later. */
  private async wordsOf(
    { _id, blob: id, mimeType }: Sought,
    signal: AbortSignal,
  ): Promise<readonly string[] | null> {
    const blob = id && (await this.blobs.findById(id).select('+textWords').lean<Blob>());
    if (!blob || blob.encryption || blob.threat !== undefined) return [];
    if (blob.textWords) return blob.textWords;
    const late = AbortSignal.timeout(this.timeoutMs);
    const source = {
      size: blob.size,
      open: (range?: { start: number; end: number }) => this.reader.open(blob, range),
    };
    try {
      const words = (await readWords(source, { mimeType, signal: AbortSignal.any([signal, late]) })) ?? [];
      await this.blobs.updateOne(
        { _id: blob._id, encryption: { $exists: false } },
        { $set: { textWords: words } },
      );
      return words;
    } catch (error) {
      signal.throwIfAborted();
      this.onError(error, _id);
      const isOurs = (error as { code?: unknown }).code === 'STORAGE_UNAVAILABLE';
      return isOurs ? null : [];
    }
  }

  /** False where the file has changed meanwhile. */
  private async write(file: Sought, words: readonly string[]): Promise<boolean> {
    const { filter, update } = wordsUpdate(file, words) ?? {
      filter: { _id: file._id },
      update: { $set: {} },
    };
    const { matchedCount } = await this.files.collection.updateOne(
      { ...filter, blob: file.blob ?? null } as never,
      {
        $set: { ...update.$set, ...(file.blob && { contentWordsOf: file.blob }) },
        $unset: { contentWordsDueAt: '' },
      } as never,
    );
    return matchedCount === 1;
  }

  private async putOff(_id: ObjectId, isThere: boolean): Promise<void> {
    const change = isThere
      ? { $set: { contentWordsDueAt: new Date(Date.now() + PATIENCE_MS) } }
      : { $unset: { contentWordsDueAt: '' } };
    await this.files.collection.updateOne({ _id }, change as never);
  }
}
