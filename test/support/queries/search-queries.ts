import type { Wired } from '../../../src/app/services.ts';
import type { Collections } from '../../../src/models/collections.ts';
import { ContentSearch } from '../../../src/services/search/content-search.ts';
import type { Viewer } from '../../../src/services/viewer.ts';

const BY_RELEVANCE = { field: 'relevance', direction: -1 } as const;

/** Asks everything that searches ask, with and without slips, and what looks into contents for words. */
export async function askSearch(
  { services }: Wired,
  { files, blobs }: Collections,
  viewer: Viewer,
): Promise<void> {
  const signal = new AbortController().signal;
  const { listing } = services;
  for (const search of ['txt', 'txt b', 'tct1', 'unheardofs']) {
    await (await listing.own(viewer, { search }, BY_RELEVANCE, { first: 3 })).count();
    await (await listing.own(viewer, { search, folderId: 'root' }, BY_RELEVANCE, { first: 3 })).count();
    await (await listing.published({ search }, BY_RELEVANCE, { first: 3 })).count();
  }
  const contents = new ContentSearch({
    collections: { files, blobs },
    reader: { open: () => Promise.reject(new Error('not there')) },
    timeoutMs: 1_000,
    onError: () => undefined,
  });
  await contents.markAll(signal);
  await contents.isNeeded();
  await contents.run(signal);
}
