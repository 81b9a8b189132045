import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { PROCESS } from '../../models/content-job.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import { ProcessingStatus } from '../../models/file-enums.ts';
import { ObjectId, parseId } from '../../models/object-id.ts';
import type { ToldFiles } from './told-files.ts';
import { isProcessable } from './told-processing.ts';

/** Where jobs are put that some node is to do. */
export interface Queue {
  /** Puts a job for the content there, unless there is one. */
  add(blob: ObjectId): Promise<void>;
}

/** A content whose processing was given up. */
export interface FailedContent {
  readonly blob: ObjectId;
  readonly at: Date;
  readonly reason: string;
}

/** How many contents are at each stage. */
export interface ProcessingCounts {
  readonly waiting: number;
  readonly running: number;
  readonly failed: number;
}

const BATCH = 500;
// In which the node that completed an upload has queued its content, or has died.
const QUEUED_WITHIN_MS = 60_000;
const MOST_LISTED = 1_000;

/** What is to be processed, and what was given up: finds what a crash kept out of the queue, and what is to be done anew. */
export class ProcessingBacklog {
  private readonly blobs: Collections['blobs'];
  private readonly files: Collections['files'];
  private readonly jobs: Collections['jobs'];
  private readonly told: ToldFiles;
  private readonly queue: Queue;
  private readonly queuedWithinMs: number;

  constructor(
    collections: Pick<Collections, 'blobs' | 'files' | 'jobs'>,
    told: ToldFiles,
    queue: Queue,
    queuedWithinMs = QUEUED_WITHIN_MS,
  ) {
    this.blobs = collections.blobs;
    this.files = collections.files;
    this.jobs = collections.jobs;
    this.told = told;
    this.queue = queue;
    this.queuedWithinMs = queuedWithinMs;
  }

  /** Whether anything is to be queued. */
  async isNeeded(): Promise<boolean> {
    if (await this.blobs.exists(DUE())) return true;
    return Boolean(await this.files.exists(this.forgotten() as never));
  }

  /** Queues what is due, and what waits without a job; resolves with how many contents. */
  async look(signal?: AbortSignal): Promise<number> {
    let queued = 0;
    for await (const { _id } of this.blobs.find(DUE(), { _id: 1 }, { batchSize: BATCH }).lean()) {
      signal?.throwIfAborted();
      await this.reopen(_id);
      queued += 1;
    }
    for (let after: Pick<StoredFile, '_id' | 'updatedAt'> | undefined; ; ) {
      signal?.throwIfAborted();
      const page: Pick<StoredFile, '_id' | 'updatedAt' | 'blob'>[] = await this.files
        .find(this.forgotten(after) as never, { blob: 1, updatedAt: 1 })
        .sort({ updatedAt: 1, _id: 1 })
        .limit(BATCH)
        .lean();
      queued += await this.queueAll(page);
      after = page.at(-1);
      if (!after) return queued;
    }
  }

  /** Contents whose processing was given up, the last ones first, a thousand at most. */
  async failed(): Promise<FailedContent[]> {
    const found = await this.blobs
      .find(FAILED, { processingFailure: 1 })
      .sort({ 'processingFailure.at': -1 })
      .limit(MOST_LISTED)
      .lean<Blob[]>();
    return found.flatMap(({ _id, processingFailure }) =>
      processingFailure ? [{ blob: _id, at: processingFailure.at, reason: processingFailure.reason }] : [],
    );
  }

  async counts(): Promise<ProcessingCounts> {
    const name = PROCESS;
    const [all, running, failed] = await Promise.all([
      this.jobs.countDocuments({ name }),
      this.jobs.countDocuments({ name, nextRunAt: null, lockedAt: { $ne: null } }),
      this.blobs.countDocuments(FAILED),
    ]);
    return { waiting: all - running, running, failed };
  }

  /** Has a content processed once more that was given up, by its own id or that of a file; false where there is none. */
  async retry(id: string): Promise<boolean> {
    const _id = parseId(id);
    const blob =
      _id &&
      ((await this.blobs.exists({ _id }))?._id ??
        (await this.files.findOne({ _id }, { blob: 1 }).lean())?.blob);
    if (!blob || !(await this.markDue(blob, FAILED))) return false;
    await this.reopen(blob);
    return true;
  }

  /** Has everything processed once more that was given up; resolves with how many contents that are. */
  async retryAll(signal?: AbortSignal): Promise<number> {
    return this.redo(this.blobs.find(FAILED, { _id: 1 }, { batchSize: BATCH }).lean(), FAILED, signal);
  }

  /** Has everything processed that never was, such as what was stored before there was processing; resolves with how many. */
  async processOld(signal?: AbortSignal): Promise<number> {
    const old = { processedAt: { $exists: false }, processingFailure: { $exists: false } };
    let count = 0;
    for (let after = new ObjectId('0'.repeat(24)); ; ) {
      const page = await this.blobs
        .find({ _id: { $gt: after } }, { processedAt: 1, processingFailure: 1 })
        .sort({ _id: 1 })
        .limit(BATCH)
        .lean<Blob[]>();
      const unseen = page.filter((blob) => !blob.processedAt && !blob.processingFailure);
      count += await this.redo(this.processableOf(unseen), old, signal);
      const last = page.at(-1);
      if (!last) return count;
      after = last._id;
    }
  }

  private async *processableOf(blobs: readonly Blob[]): AsyncGenerator<Pick<Blob, '_id'>> {
    for (const { _id } of blobs) {
      const types = await this.files.distinct('mimeType', { blob: _id, ...LISTED });
      if (types.some((type) => isProcessable(type))) yield { _id };
    }
  }

  private async redo(
    blobs: AsyncIterable<Pick<Blob, '_id'>>,
    condition: object,
    signal?: AbortSignal,
  ): Promise<number> {
    let count = 0;
    for await (const { _id } of blobs) {
      signal?.throwIfAborted();
      if (!(await this.markDue(_id, condition))) continue;
      await this.reopen(_id);
      count += 1;
    }
    return count;
  }

  /** First what lasts: whoever dies before its files are told leaves a blob that the look finds. */
  private async markDue(_id: ObjectId, condition: object): Promise<boolean> {
    const { matchedCount } = await this.blobs.updateOne(
      { _id, ...condition },
      { $set: { processingDueAt: new Date() }, $unset: { processingFailure: '', processingTries: '' } },
    );
    return matchedCount === 1;
  }

  private async reopen(_id: ObjectId): Promise<void> {
    await this.told.reopen(_id);
    await this.queue.add(_id);
    await this.blobs.updateOne({ _id }, { $unset: { processingDueAt: '' } });
  }

  private async queueAll(page: readonly Pick<StoredFile, 'blob'>[]): Promise<number> {
    const waiting = new Set(page.flatMap(({ blob }) => (blob ? [blob.toHexString()] : [])));
    if (waiting.size === 0) return 0;
    const named = { name: PROCESS, 'data.blob': { $in: [...waiting] } };
    for (const { data } of await this.jobs.find(named, { data: 1 }).lean()) waiting.delete(data.blob);
    for (const blob of waiting) await this.queue.add(new ObjectId(blob));
    return waiting.size;
  }

  /** Files that have waited for long, after the last one of the page before. */
  private forgotten(after?: Pick<StoredFile, '_id' | 'updatedAt'>) {
    const before = new Date(Date.now() - this.queuedWithinMs);
    return {
      ...LISTED,
      processingStatus: ProcessingStatus.PENDING,
      isAwaitingScan: { $ne: true },
      updatedAt: { $lt: before, ...(after && { $gte: after.updatedAt }) },
      ...(after && {
        $or: [{ updatedAt: { $gt: after.updatedAt } }, { _id: { $gt: after._id } }],
      }),
    };
  }
}

const DUE = () => ({ processingDueAt: { $lte: new Date() } });
const FAILED = { 'processingFailure.at': { $gt: new Date(0) } };
