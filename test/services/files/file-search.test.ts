import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Signer } from '../../../src/auth/signatures.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Role } from '../../../src/models/user.ts';
import { FileCursors } from '../../../src/services/files/file-cursors.ts';
import { nameFields } from '../../../src/services/files/file-drafts.ts';
import type { FileCriteria } from '../../../src/services/files/file-filters.ts';
import { FileListing, type FilePage } from '../../../src/services/files/file-listing.ts';
import { FileSearch, MAX_MATCHES } from '../../../src/services/search/file-search.ts';
import { followWords } from '../../../src/services/search/file-words.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { fileOf, inOrder, insert, ORDERS } from '../../support/listed-files.ts';
import { scopesOf } from '../../support/nodes/folder-node.ts';

const viewer = (): Viewer => ({
  userId: new ObjectId(),
  sessionId: new ObjectId(),
  role: Role.USER,
  isEmailVerified: false,
});
const OWNER = viewer();
const OTHER = viewer();
const BY_NAME = { field: 'sortName', direction: 1 } as const;
const BY_RELEVANCE = { field: 'relevance', direction: -1 } as const;
const isPublic = true;

const FILES = [
  fileOf(OWNER.userId, 'Annual_Report-2025.final.pdf', { description: 'Numbers of the year', isPublic }),
  fileOf(OWNER.userId, 'a_b-c.pdf', { description: null, isPublic }),
  fileOf(OWNER.userId, 'holiday photo.jpg', { tags: ['Summer', 'sea side'], isPublic }),
  fileOf(OWNER.userId, 'trip.jpg', { description: 'A photo of the sea', tags: ['winter'], isPublic }),
  fileOf(OWNER.userId, 'Отчёт за год.txt', { isPublic }),
  fileOf(OWNER.userId, '東京-写真.png', { isPublic }),
  fileOf(OWNER.userId, 'note.txt', { description: 'मेरी हिन्दी किताब', tags: ['עִבְרִית'], isPublic }),
  fileOf(OWNER.userId, 'cats and dogma.txt', { isPublic }),
  fileOf(OWNER.userId, 'trashed photo.jpg', { isDeleted: true, deletedAt: new Date(), isPublic }),
  fileOf(OWNER.userId, 'expired photo.jpg', { expiryDate: new Date(Date.now() - 1000), isPublic }),
  fileOf(OWNER.userId, 'unfinished photo.jpg', { uploadStatus: 'UPLOADING' as never, isPublic }),
  fileOf(OTHER.userId, 'photo of others.jpg', { isPublic: false }),
];

const FOUND: readonly [search: string, names: string[]][] = [
  ['photo', ['holiday photo.jpg', 'trip.jpg']],
  ['PHOTO', ['holiday photo.jpg', 'trip.jpg']],
  ['  photo\tholiday ', ['holiday photo.jpg']],
  ['sea photo', ['holiday photo.jpg', 'trip.jpg']],
  ['photo summer', ['holiday photo.jpg']],
  ['photo winter summer', []],
  ['report', ['Annual_Report-2025.final.pdf']],
  ['2025 numbers', ['Annual_Report-2025.final.pdf']],
  ['a_b-c.pdf', ['a_b-c.pdf']],
  ['b c', ['a_b-c.pdf']],
  ['отчёт', ['Отчёт за год.txt']],
  ['год ОТЧЁТ', ['Отчёт за год.txt']],
  ['写真', ['東京-写真.png']],
  ['東京', ['東京-写真.png']],
  ['हिन्दी', ['note.txt']],
  ['किताब हिन्दी', ['note.txt']],
  ['עִבְרִית', ['note.txt']],
  ['"photo"', ['holiday photo.jpg', 'trip.jpg']],
  ['-photo', ['holiday photo.jpg', 'trip.jpg']],
  ['photo -winter', ['trip.jpg']],
  ['holiday\\" photo', ['holiday photo.jpg']],
  ['absent', []],
];
const BEGINNINGS: readonly [search: string, names: string[]][] = [
  ['phot', ['holiday photo.jpg', 'trip.jpg']],
  ['PHÓT', ['holiday photo.jpg', 'trip.jpg']],
  ['cat dog', ['cats and dogma.txt']],
  ['olida', []],
  ['nual', []],
  ['отче', ['Отчёт за год.txt']],
  ['עברית', ['note.txt']],
  ['हिन्', ['note.txt']],
  // Scripts without spaces: any part of a run.
  ['京', ['東京-写真.png']],
  ['真.png', ['東京-写真.png']],
  ['真東', []],
];
const NOTHING = ['...', '"', '-', '\\', '()', '🙂', '_', '\u0301'];

describe('A search', () => {
  let database: TestDatabase;
  let listing: FileListing;

  beforeAll(async () => {
    database = await openTestDatabase();
    await insert(database.collections, FILES);
    listing = new FileListing(
      database.collections.files,
      new FileCursors(new Signer(['secret'], 'cursors')),
      scopesOf(database.collections),
      new FileSearch(database.collections.files, false),
    );
  });
  afterAll(() => database.close());

  it.each(FOUND)(
    'of one’s own files for %j finds exactly the files with all its words',
    async (search, names) => {
      const page = await listing.own(OWNER, { search }, BY_NAME, {});
      expect(namesOf(page)).toEqual([...names].sort());
      expect(await page.count()).toBe(names.length);
      expect(page.searchTruncated).toBe(false);
    },
  );

  it.each(FOUND)(
    'of public files for %j finds exactly the files with all its words',
    async (search, names) => {
      expect(namesOf(await listing.published({ search }, BY_NAME, {}))).toEqual([...names].sort());
    },
  );

  it.each(BEGINNINGS)('takes the beginning of a word for it: %j', async (search, names) => {
    expect(namesOf(await listing.own(OWNER, { search }, BY_NAME, {}))).toEqual([...names].sort());
    expect(namesOf(await listing.published({ search }, BY_NAME, {}))).toEqual([...names].sort());
    expect(namesOf(await listing.published({ search }, BY_RELEVANCE, {}))).toEqual([...names].sort());
  });

  it.each(NOTHING)('for %j, without a letter or digit, finds nothing', async (search) => {
    for (const page of [
      await listing.own(OWNER, { search }, BY_NAME, {}),
      await listing.published({ search }, BY_NAME, {}),
    ]) {
      expect(namesOf(page)).toEqual([]);
      expect(await page.count()).toBe(0);
    }
    await expect(listing.own(OWNER, { search }, BY_NAME, { first: 0 })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
  });

  it.each(['', ' \t', null])('for %j lists everything', async (search) => {
    const [searched, all] = [
      await listing.own(OWNER, { search }, BY_NAME, {}),
      await listing.own(OWNER, {}, BY_NAME, {}),
    ];
    expect(namesOf(searched)).toEqual(namesOf(all));
  });

  it('looks into the trash when that is listed', async () => {
    const page = await listing.own(OWNER, { search: 'photo', isDeleted: true }, BY_NAME, {});
    expect(namesOf(page)).toEqual(['trashed photo.jpg']);
  });

  it('finds a file by its new name and no more by the old one after a rename', async () => {
    const { files } = database.collections;
    const [file] = FILES as [StoredFile];
    await files.collection.updateOne({ _id: file._id }, { $set: nameFields('x.pdf') });
    await followWords(files, [file._id]);
    expect(namesOf(await listing.own(OWNER, { search: 'annual' }, BY_NAME, {}))).toEqual([]);
    expect(namesOf(await listing.own(OWNER, { search: 'x' }, BY_NAME, {}))).toEqual(['x.pdf']);
  });

  it('combines with filters, and pages exactly in every order and direction', async () => {
    const many = viewer();
    const files = Array.from({ length: 40 }, (_, i) =>
      fileOf(many.userId, `${i % 2 ? 'odd' : 'even'} common ${i % 5}.txt`, {
        fileSize: i % 3,
        downloadCount: i % 4,
        createdAt: new Date(Date.UTC(2026, 0, 1 + (i % 6))),
        tags: i % 2 ? ['odd'] : [],
        isPublic,
      }),
    );
    await insert(database.collections, files);
    const criteria: FileCriteria = { search: 'common', tags: ['odd'], minSize: 1 };
    const wanted = files.filter(({ tags, fileSize }) => tags.includes('odd') && fileSize >= 1);
    for (const order of ORDERS) {
      const expected = inOrder(wanted, order);
      const [forward, backward]: string[][] = [[], []];
      for (let after: string | null = null; ; ) {
        const page: FilePage = await listing.own(many, criteria, order, { first: 4, after });
        forward?.push(...page.files.map(({ id }) => id));
        if (!page.hasNextPage) break;
        after = listing.cursor(order, page.files.at(-1) as never);
      }
      for (let before: string | null = null; ; ) {
        const page: FilePage = await listing.own(many, criteria, order, { last: 4, before });
        backward?.unshift(...page.files.map(({ id }) => id));
        if (!page.hasPreviousPage) break;
        before = listing.cursor(order, page.files[0] as never);
      }
      expect([forward, backward], JSON.stringify(order)).toEqual([expected, expected]);
    }
  });

  it('says that it was cut when there are more matches than it sorts, and only then', async () => {
    const many = viewer();
    const files = Array.from({ length: MAX_MATCHES }, () => fileOf(many.userId, 'crowd.txt'));
    await insert(database.collections, files);
    const search = () => listing.own(many, { search: 'crowd' }, BY_NAME, { first: 1 });
    expect((await search()).searchTruncated).toBe(false);
    await insert(database.collections, [fileOf(many.userId, 'a crowd.txt')]);
    const cut = await search();
    expect([cut.searchTruncated, cut.files.length]).toEqual([true, 1]);
    expect(await cut.count()).toBe(MAX_MATCHES + 1);
  });
});

const namesOf = (page: FilePage) => page.files.map(({ originalName }) => originalName).sort();
