import type { Every } from '../../jobs/every.ts';
import type { Job } from '../../jobs/janitor.ts';
import { BlobReader } from '../../services/copies/blob-reader.ts';
import { ContentSearch } from '../../services/search/content-search.ts';
import { loneJob } from '../lone-job.ts';
import type { AuditedParts } from './parts.ts';

const LOOK_SECONDS = 15;

/** What keeps the words of contents for search; nothing at all unless CONTENT_SEARCH says so. */
export interface ContentSearching {
  /** Looks into everything that was not looked into yet; by hand only. */
  readonly jobs: readonly Job[];
  start(): void;
  stop(): Promise<void>;
}

/** Wires what looks into contents for words. */
export function createContentSearch(parts: AuditedParts): ContentSearching {
  const { config, collections, stores, keys, leases, events, metrics, log } = parts;
  if (!config.CONTENT_SEARCH) return { jobs: [], start: () => undefined, stop: async () => undefined };
  const contents = new ContentSearch({
    collections,
    reader: new BlobReader(collections.blobs, stores, { fellBack: () => undefined }, keys),
    timeoutMs: config.PROCESSING_TIMEOUT_SECONDS * 1000,
    onError: (err, file) => log.warn({ err, file }, 'a content could not be looked into for words'),
  });
  const job = { name: 'content-words', about: 'read the words of contents that were not looked into yet' };
  const every: Every = loneJob(
    { ...job, run: (signal) => contents.run(signal) },
    {
      seconds: LOOK_SECONDS,
      isNeeded: () => contents.isNeeded(),
      leases,
      metrics,
      log,
      trouble: 'it could not be looked for contents whose words are to be read',
    },
  );
  const unfollow = contents.follow(events, () => config.PROCESSING && every.now());
  return {
    jobs: [
      {
        ...job,
        async run(signal) {
          await contents.markAll(signal);
          return contents.run(signal);
        },
      },
    ],
    start: () => config.PROCESSING && every.start(),
    async stop() {
      unfollow();
      await every.stop();
    },
  };
}
