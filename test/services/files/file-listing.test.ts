import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Signer } from '../../../src/auth/signatures.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Role } from '../../../src/models/user.ts';
import { FileCursors } from '../../../src/services/files/file-cursors.ts';
import type { FileCriteria } from '../../../src/services/files/file-filters.ts';
import { FileListing, type FilePage, type PageRequest } from '../../../src/services/files/file-listing.ts';
import { FileSearch } from '../../../src/services/search/file-search.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { DAYS, generateFiles, inOrder, insert, ORDERS } from '../../support/listed-files.ts';
import { scopesOf } from '../../support/nodes/folder-node.ts';

const [, SECOND, THIRD] = DAYS;
const VIEWER: Viewer = {
  userId: new ObjectId(),
  sessionId: new ObjectId(),
  role: Role.USER,
  isEmailVerified: false,
};
const OTHER = new ObjectId();
const PAGE = 8;

type Keep = (file: StoredFile) => boolean;
const isShown: Keep = (file) =>
  file.uploadStatus === 'COMPLETED' &&
  !file.isDeleted &&
  (file.expiryDate == null || file.expiryDate > new Date());
const isTrashed: Keep = (file) => file.uploadStatus === 'COMPLETED' && file.isDeleted;

// Each filter with the files that it promises, told again in plain JavaScript.
const FILTERS: readonly [criteria: FileCriteria, keep: Keep][] = [
  [{}, isShown],
  [{ mimeType: 'image/png' }, (file) => isShown(file) && file.mimeType === 'image/png'],
  [{ mimeType: ' IMAGE/* ' }, (file) => isShown(file) && file.mimeType.startsWith('image/')],
  [{ tags: [] }, isShown],
  [{ tags: ['work'] }, (file) => isShown(file) && file.tags.includes('work')],
  [{ tags: [' wo\u0308rk '] }, (file) => isShown(file) && file.tags.includes('wörk')],
  [
    { tags: ['home', 'work'] },
    (file) => isShown(file) && ['home', 'work'].every((tag) => file.tags.includes(tag)),
  ],
  [{ minSize: 1000 }, (file) => isShown(file) && file.fileSize >= 1000],
  [{ maxSize: 0 }, (file) => isShown(file) && file.fileSize === 0],
  [
    { minSize: 1, maxSize: 2 ** 31 },
    (file) => isShown(file) && file.fileSize >= 1 && file.fileSize <= 2 ** 31,
  ],
  [{ minSize: 2, maxSize: 1 }, () => false],
  [{ createdAfter: SECOND }, (file) => isShown(file) && +file.createdAt > Number(SECOND)],
  [{ createdBefore: THIRD }, (file) => isShown(file) && +file.createdAt < Number(THIRD)],
  [{ isPublic: true }, (file) => isShown(file) && file.isPublic],
  [{ isPublic: false }, (file) => isShown(file) && !file.isPublic],
  [{ isDeleted: true }, isTrashed],
  [{ isDeleted: null, isPublic: null, mimeType: null, tags: null }, isShown],
  [
    { isDeleted: true, isPublic: true, tags: ['home'] },
    (file) => isTrashed(file) && file.isPublic && file.tags.includes('home'),
  ],
  [
    { mimeType: 'image/*', minSize: 1, createdAfter: DAYS[0], isPublic: true },
    (file) =>
      isShown(file) &&
      file.mimeType.startsWith('image/') &&
      file.fileSize >= 1 &&
      +file.createdAt > Number(DAYS[0]) &&
      file.isPublic,
  ],
];
const CASES = FILTERS.map(([criteria, keep]) => ({ name: JSON.stringify(criteria), criteria, keep }));

describe('A list of files', () => {
  const generated = generateFiles([VIEWER.userId, VIEWER.userId, OTHER], 140, 20260131);
  const own = generated.filter(({ userId }) => userId.equals(VIEWER.userId));
  let database: TestDatabase;
  let listing: FileListing;

  beforeAll(async () => {
    database = await openTestDatabase();
    await insert(database.collections, generated);
    listing = new FileListing(
      database.collections.files,
      new FileCursors(new Signer(['secret'], 'cursors')),
      scopesOf(database.collections),
      new FileSearch(database.collections.files, false),
    );
  });
  afterAll(() => database.close());

  it.each(CASES)('of one’s own with $name is exact in every order and direction', async (filter) => {
    for (const order of ORDERS) {
      const expected = inOrder(own.filter(filter.keep), order);
      const page = (request: PageRequest) => listing.own(VIEWER, filter.criteria, order, request);
      expect(await walkForward(page, expected.length), JSON.stringify(order)).toEqual(expected);
      expect(await walkBackward(page, expected.length), JSON.stringify(order)).toEqual(expected);
    }
  });

  const isPublished: Keep = (file) => isShown(file) && file.isPublic && file.access.canView;
  it.each(CASES)('of everybody’s public files with $name is exact in every order', async (filter) => {
    for (const order of ORDERS) {
      const expected = inOrder(
        generated.filter((file) => filter.keep(file) && isPublished(file)),
        order,
      );
      const page = (request: PageRequest) => listing.published(filter.criteria, order, request);
      expect(await walkForward(page, expected.length), JSON.stringify(order)).toEqual(expected);
    }
  });

  it('has its files at hand for every case above', () => {
    const counts = CASES.filter(({ criteria }) => criteria.minSize !== 2).map(
      ({ keep }) => own.filter(keep).length,
    );
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(Math.max(...counts)).toBeGreaterThan(3 * PAGE);
  });

  it('goes on after a page whose last file has gone meanwhile', async () => {
    const order = { field: 'fileSize', direction: 1 } as const;
    const expected = inOrder(own.filter(isShown), order);
    const { files } = await listing.own(VIEWER, {}, order, { first: 3 });
    const [third] = files.slice(-1) as [StoredFile];
    await database.collections.files.collection.deleteOne({ _id: third._id });
    const next = await listing.own(VIEWER, {}, order, { first: 3, after: listing.cursor(order, third) });
    await insert(
      database.collections,
      generated.filter(({ _id }) => _id.equals(third._id)),
    );
    expect(idsOf(next)).toEqual(expected.slice(3, 6));
  });

  it('shows nobody a file of others that is not public', async () => {
    const stranger: Viewer = { ...VIEWER, userId: new ObjectId() };
    for (const criteria of FILTERS.map(([criteria]) => criteria)) {
      const page = await listing.own(stranger, criteria, { field: 'createdAt', direction: -1 }, {});
      expect(page.files).toEqual([]);
      expect([page.hasNextPage, page.hasPreviousPage, await page.count()]).toEqual([false, false, 0]);
    }
  });

  it.each(['image', 'image/', '/png', '*', '*/*', 'image/p*', 'image/*/x', '', ' ', '$ne', 'a b/c'])(
    'refuses %j as a media type, by the field’s path',
    async (mimeType) => {
      await expect(
        listing.own(VIEWER, { mimeType }, { field: 'createdAt', direction: 1 }, {}),
      ).rejects.toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ field: 'filter.mimeType' }] });
    },
  );

  async function walkForward(page: (request: PageRequest) => Promise<FilePage>, total: number) {
    const ids: string[] = [];
    for (let after: string | null = null; ; ) {
      const current: FilePage = await page({ first: PAGE, after });
      ids.push(...idsOf(current));
      expect(current.hasPreviousPage).toBe(after !== null);
      expect(current.hasNextPage).toBe(ids.length < total);
      if (after === null) expect(await current.count()).toBe(total);
      const last = current.files.at(-1);
      if (!current.hasNextPage || !last) return ids;
      after = listing.cursor(current.order, last);
    }
  }

  async function walkBackward(page: (request: PageRequest) => Promise<FilePage>, total: number) {
    const ids: string[] = [];
    for (let before: string | null = null; ; ) {
      const current: FilePage = await page({ last: PAGE, before });
      ids.unshift(...idsOf(current));
      expect(current.hasNextPage).toBe(before !== null);
      expect(current.hasPreviousPage).toBe(ids.length < total);
      const [first] = current.files;
      if (!current.hasPreviousPage || !first) return ids;
      before = listing.cursor(current.order, first);
    }
  }
});

const idsOf = ({ files }: FilePage) => files.map(({ id }) => id);
