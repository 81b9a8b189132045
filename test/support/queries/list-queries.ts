import type { FileOrder } from '../../../src/services/files/file-cursors.ts';
import type { FileCriteria } from '../../../src/services/files/file-filters.ts';
import { fileOf } from '../listed-files.ts';
import type { IndexSite } from './index-site.ts';

type Site = Pick<IndexSite, 'wired' | 'viewer'>;

const DAY = new Date(Date.UTC(2026, 0, 2));
/** What lists are narrowed by: each alone, and several. */
export const FILTERS: readonly FileCriteria[] = [
  {},
  { mimeType: 'image/png' },
  { mimeType: 'image/*' },
  { tags: ['work', 'home'] },
  { minSize: 1 },
  { maxSize: 1 },
  { createdAfter: DAY },
  { createdBefore: DAY },
  { isPublic: true },
  { isPublic: false },
  { isDeleted: true },
  { mimeType: 'image/*', tags: ['work'], minSize: 1, maxSize: 9, createdAfter: DAY, isPublic: true },
];

/** Makes every query that lists of files in this order make without a search. */
export async function askLists(
  { wired, viewer }: Site,
  filter: FileCriteria,
  order: FileOrder,
): Promise<void> {
  const { listing } = wired.services;
  const page = await listing.own(viewer, {}, order, { first: 3 });
  const cursor = listing.cursor(order, page.files[1] ?? fileOf(viewer.userId, 'a'));
  await (await listing.own(viewer, filter, order, { first: 3, after: cursor })).count();
  await listing.own(viewer, filter, order, { last: 3, before: cursor });
  await listing.own(viewer, filter, order, { last: 3 });
  await (await listing.published(filter, order, { first: 3 })).count();
  await listing.published(filter, order, { first: 3, after: cursor });
  await listing.published({ ...filter, search: 'txt' }, order, { first: 3 });
}

/** The same with a search in the own files. */
export async function askSearches(
  { wired, viewer }: Site,
  filter: FileCriteria,
  order: FileOrder,
): Promise<void> {
  const { listing } = wired.services;
  const cursor = listing.cursor(order, fileOf(viewer.userId, 'a'));
  await (await listing.own(viewer, { ...filter, search: 'txt b' }, order, {})).count();
  await listing.own(viewer, { ...filter, search: 'txt' }, order, { last: 3, before: cursor });
}

/** Asks for what is told beside the lists. */
export async function askListFacts({ wired, viewer }: Site): Promise<void> {
  const { accounts, listing, files } = wired.services;
  await listing.tags(viewer, '', 50);
  await listing.tags(viewer, 'wo', 50);
  await files.summary(viewer);
  await accounts.countFiles(viewer.userId);
}
