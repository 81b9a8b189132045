import { Signer } from '../../auth/signatures.ts';
import type { Every } from '../../jobs/every.ts';
import type { Job } from '../../jobs/janitor.ts';
import { JobQueue } from '../../jobs/queue.ts';
import { PROCESS } from '../../models/content-job.ts';
import { ObjectId } from '../../models/object-id.ts';
import { BlobReader } from '../../services/copies/blob-reader.ts';
import type { FileService } from '../../services/files/files.ts';
import { HostMaker } from '../../services/processing/content-maker.ts';
import { LostPreviews } from '../../services/processing/lost-previews.ts';
import { PreviewLinks } from '../../services/processing/preview-links.ts';
import { PreviewPlaces } from '../../services/processing/preview-places.ts';
import { PreviewService } from '../../services/processing/previews.ts';
import { ProcessingBacklog } from '../../services/processing/processing-backlog.ts';
import { ProcessingDuty } from '../../services/processing/processing-duty.ts';
import { ProcessingRun } from '../../services/processing/processing-run.ts';
import { ToldFiles } from '../../services/processing/told-files.ts';
import { WantedProcessing } from '../../services/processing/wanted-processing.ts';
import type { Authentication } from '../../services/sessions/authentication.ts';
import { loneJob } from '../lone-job.ts';
import type { AuditedParts } from './parts.ts';

/** What makes previews and reads metadata. */
export interface Processing {
  /** Told of contents that are to be processed. */
  readonly wanted: WantedProcessing;
  /** What waits and what was given up. */
  readonly backlog: ProcessingBacklog;
  /** Does by hand what the queue does by itself. */
  readonly job: Job;
  /** Whether each program is there that previews of some types need; rejects where it is not. Empty where none is used. */
  readonly checks: Readonly<Record<string, () => Promise<void>>>;
  start(): void;
  stop(): Promise<void>;
}

const LOOK_SECONDS = 15;
const MEGA = 1_000_000;
const MINUTE_MS = 60_000;

/** Wires what makes previews and reads metadata; contents are processed once it is started. */
export function createProcessing(parts: AuditedParts): Processing {
  const { config, collections, stores, keys, leases, events, metrics, log } = parts;
  const { blobs } = collections;
  const graceMs = config.BLOB_GRACE_MINUTES * MINUTE_MS;
  const maker = new HostMaker(new BlobReader(blobs, stores, { fellBack: () => undefined }, keys), {
    maxPixels: config.PREVIEW_MAX_MEGAPIXELS * MEGA,
    keepLocation: config.EXIF_KEEP_LOCATION,
  });
  const told = new ToldFiles(collections.files, events);
  const duty = new ProcessingDuty({
    blobs,
    files: told,
    places: new PreviewPlaces({ blobs, stores, keys, graceMs }),
    maker,
    leases,
    timeoutMs: config.PROCESSING_TIMEOUT_SECONDS * 1000,
    observer: {
      ended(blob, outcome, seconds, err) {
        metrics.contentProcessed(outcome, seconds);
        if (outcome === 'completed') log.debug({ blob, seconds }, 'a content was processed');
        else log.warn({ err, blob, outcome }, 'a content was not processed');
      },
    },
  });
  const queue = new JobQueue({
    database: databaseOf(collections.jobs),
    name: PROCESS,
    concurrency: config.PROCESSING_CONCURRENCY,
    work: (blob, signal) => duty.attend(new ObjectId(blob), signal),
    onError: (err) => log.warn({ err }, 'the queue of contents to process has failed; it goes on'),
  });
  const toQueue = { add: (blob: ObjectId) => queue.add(blob.toHexString()) };
  const backlog = new ProcessingBacklog(collections, told, toQueue);
  const wanted = new WantedProcessing(toQueue, (err) =>
    log.warn({ err }, 'a content could not be queued to be processed; it will be found'),
  );
  metrics.gauge('contents_waiting', 'Contents that wait to be processed.', () =>
    backlog.counts().then(
      ({ waiting }) => waiting,
      () => Number.NaN,
    ),
  );
  const every: Every = loneJob(
    { name: 'processing', about: '', run: (signal) => backlog.look(signal) },
    {
      seconds: LOOK_SECONDS,
      isNeeded: () => backlog.isNeeded(),
      leases,
      metrics,
      log,
      trouble: 'it could not be looked for contents that are to be processed',
    },
  );
  const run = new ProcessingRun(collections.jobs, backlog, duty, config.PROCESSING_CONCURRENCY);
  return {
    wanted,
    backlog,
    job: {
      name: PROCESS,
      about: 'make previews of contents that wait for it, and read their metadata',
      run: (signal) => run.all(signal),
    },
    checks: config.PROCESSING ? checksOf(maker) : {},
    start() {
      every.start();
      if (config.PROCESSING) queue.start();
    },
    async stop() {
      await Promise.all([every.stop(), queue.stop(), wanted.idle()]);
      // Only now: what ran until then leaves its process to whatever comes next.
      await maker.close();
    },
  };
}

/** Wires what hands previews out. */
export function createPreviews(
  parts: AuditedParts,
  { files, authentication }: { files: FileService; authentication: Authentication },
): { previews: PreviewService } {
  const { config, collections, stores, keys, secrets, baseUrl } = parts;
  const previews = new PreviewService({
    collections,
    stores,
    keys,
    files,
    authentication,
    links: new PreviewLinks(new Signer(secrets, 'preview links'), baseUrl),
    lost: new LostPreviews(collections.blobs, config.BLOB_GRACE_MINUTES * MINUTE_MS),
  });
  return { previews };
}

function checksOf(maker: HostMaker): Processing['checks'] {
  const check = (name: 'pdftoppm' | 'ffmpeg') => async () => {
    if ((await maker.tools())[name] === null) throw new Error(`The host has no ${name}.`);
  };
  return { pdftoppm: check('pdftoppm'), ffmpeg: check('ffmpeg') };
}

function databaseOf(jobs: AuditedParts['collections']['jobs']) {
  const { db } = jobs.db;
  if (!db) throw new Error('The database is not connected.');
  return db;
}
