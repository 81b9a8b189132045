import { Readable } from 'node:stream';
import { Signer } from '../../../src/auth/signatures.ts';
import type { Stores } from '../../../src/blobs/stores.ts';
import type { Blob } from '../../../src/models/blob.ts';
import { FileChangeKind } from '../../../src/models/file-change.ts';
import type { ObjectId } from '../../../src/models/object-id.ts';
import { BlobReader } from '../../../src/services/copies/blob-reader.ts';
import { NO_KEYS } from '../../../src/services/copies/content-keys.ts';
import { FileService } from '../../../src/services/files/files.ts';
import { FolderTree } from '../../../src/services/folders/folder-tree.ts';
import { Leases } from '../../../src/services/leases.ts';
import { FileEvents } from '../../../src/services/live/file-events.ts';
import { type ContentMaker, HostMaker } from '../../../src/services/processing/content-maker.ts';
import { LostPreviews } from '../../../src/services/processing/lost-previews.ts';
import { PreviewLinks } from '../../../src/services/processing/preview-links.ts';
import { PreviewPlaces } from '../../../src/services/processing/preview-places.ts';
import { PreviewService } from '../../../src/services/processing/previews.ts';
import { ProcessingBacklog } from '../../../src/services/processing/processing-backlog.ts';
import { ProcessingDuty } from '../../../src/services/processing/processing-duty.ts';
import { ProcessingRun } from '../../../src/services/processing/processing-run.ts';
import { ToldFiles } from '../../../src/services/processing/told-files.ts';
import { HeldPermissions } from '../../../src/services/sharing/permissions/held-permissions.ts';
import { UploadRun } from '../../../src/services/uploads/upload-run.ts';
import { UploadService } from '../../../src/services/uploads/uploads.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import type { TestDatabase } from '../database.ts';
import { uploadNode } from './upload-node.ts';

const OBSERVED = { began: () => undefined, received: () => undefined, ended: () => undefined };

/** A maker that makes three pictures of what these bytes say, whatever the content; `made` counts. */
export class FakeMaker implements ContentMaker {
  made = 0;
  /** What a try waits for, or fails with. */
  onMake: (blob: Blob, signal: AbortSignal) => Promise<void> = async () => undefined;

  async make(blob: Blob, _mimeType: string, signal: AbortSignal) {
    this.made += 1;
    await this.onMake(blob, signal);
    const pictures = ([128, 512, 1280] as const).map((pixels) => ({
      ...{ pixels, width: pixels, height: pixels },
      bytes: Buffer.from(`a picture of ${pixels} pixels`),
    }));
    return { pictures, metadata: { width: 7, height: 5 }, refused: null };
  }

  async tools() {
    return { pdftoppm: null, ffmpeg: null, ffprobe: null };
  }
}

/** One node’s services about uploads and the processing of contents; what is queued is kept in the database alone. */
export function processingNode(
  database: TestDatabase,
  stores: Stores,
  { keys = NO_KEYS, maker = undefined as ContentMaker | undefined, timeoutMs = 20_000 } = {},
) {
  const { collections } = database;
  const node = uploadNode(database, stores, undefined, { keys, maxFileSize: 5_000_000 });
  const events = new FileEvents();
  const told: string[] = [];
  events.onEvent(
    ({ kind, file }) => void (kind === FileChangeKind.PROCESSED && told.push(file.toHexString())),
  );
  const outcomes: string[] = [];
  const files = new ToldFiles(collections.files, events);
  const reader = new BlobReader(collections.blobs, stores, { fellBack: () => undefined }, node.keys);
  const places = new PreviewPlaces({ blobs: collections.blobs, stores, keys: node.keys, graceMs: 0 });
  const duty = new ProcessingDuty({
    blobs: collections.blobs,
    files,
    places,
    maker: maker ?? new HostMaker(reader, { maxPixels: 50_000_000, keepLocation: false }),
    leases: new Leases(collections.leases),
    observer: { ended: (_blob, outcome) => void outcomes.push(outcome) },
    timeoutMs,
    delayMs: 1,
  });
  const queue = {
    async add(blob: ObjectId) {
      const job = { name: 'process', 'data.blob': blob.toHexString() };
      const first = { nextRunAt: new Date(), lockedAt: null, priority: 0 };
      await collections.jobs.collection.updateOne(job, { $setOnInsert: first }, { upsert: true });
    },
  };
  const backlog = new ProcessingBacklog(collections, files, queue, -60_000);
  const run = new UploadRun({
    ...{ records: node.records, stores, references: node.references, usage: node.usage, keys: node.keys },
    ...{ rules: node.run.rules, observer: OBSERVED },
  });
  const fileService = new FileService({
    ...{ files: collections.files, purge: node.purge, events },
    audit: { record: async () => undefined },
    access: new HeldPermissions(collections, new FolderTree(collections.folders)),
  });
  const previews = new PreviewService({
    ...{ collections, stores, keys: node.keys, files: fileService },
    authentication: {
      authenticate: () => Promise.reject(new Error('nobody')),
      isLiveKey: async () => true,
    },
    links: new PreviewLinks(new Signer(['a secret'], 'preview links'), () => 'http://node.test'),
    lost: new LostPreviews(collections.blobs, 0),
  });
  const uploads = new UploadService({ ...node, run });
  return {
    ...node,
    ...{ duty, places, backlog, previews, told, outcomes, files: fileService, reader },
    /** Processes everything that is due. */
    work: () => new ProcessingRun(collections.jobs, backlog, duty, 2).all(new AbortController().signal),
    upload: async (viewer: Viewer, content: Buffer, name = 'a.png', mimeType = 'image/png') => {
      const stream = Readable.from([content], { objectMode: false });
      const incoming = { open: async () => ({ filename: name, mimeType, stream }) };
      const file = await uploads.upload(viewer, incoming, {}, new AbortController().signal);
      await uploads.idle();
      return file;
    },
  };
}

/** As `processingNode` makes it. */
export type ProcessingNode = ReturnType<typeof processingNode>;
