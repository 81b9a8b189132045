import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Signer } from '../../../src/auth/signatures.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Role } from '../../../src/models/user.ts';
import { FileCursors, type FileOrder } from '../../../src/services/files/file-cursors.ts';
import { FileListing, type PageRequest } from '../../../src/services/files/file-listing.ts';
import { storageSummary } from '../../../src/services/files/storage-stats.ts';
import { FileSearch } from '../../../src/services/search/file-search.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { fileOf, generateFiles, insert, ORDERS } from '../../support/listed-files.ts';
import { scopesOf } from '../../support/nodes/folder-node.ts';

const viewer = (): Viewer => ({
  userId: new ObjectId(),
  sessionId: new ObjectId(),
  role: Role.USER,
  isEmailVerified: false,
});
const OWNER = viewer();
const NEWEST: FileOrder = { field: 'createdAt', direction: -1 };

let database: TestDatabase;
let listing: FileListing;
const files = generateFiles([OWNER.userId], 260, 7);

beforeAll(async () => {
  database = await openTestDatabase();
  await insert(database.collections, files);
  listing = new FileListing(
    database.collections.files,
    new FileCursors(new Signer(['secret'], 'cursors')),
    scopesOf(database.collections),
    new FileSearch(database.collections.files, false),
  );
});
afterAll(() => database.close());

const refusal = (field: string) => ({ code: 'BAD_USER_INPUT', issues: [{ field }] });
const own = (order: FileOrder, request: PageRequest) => listing.own(OWNER, {}, order, request);
async function middle(order: FileOrder): Promise<StoredFile> {
  return (await own(order, { first: 10 })).files[5] as StoredFile;
}

describe('A cursor', () => {
  it('works for lists of its own order only, whatever their filters', async () => {
    for (const order of ORDERS) {
      const cursor = listing.cursor(order, await middle(order));
      for (const other of ORDERS) {
        const isSame = other.field === order.field && other.direction === order.direction;
        for (const [name, request] of [
          ['after', { first: 2, after: cursor }],
          ['before', { last: 2, before: cursor }],
        ] as const) {
          const page = own(other, request);
          if (isSame) expect((await page).files).toHaveLength(2);
          else await expect(page).rejects.toMatchObject(refusal(name));
        }
      }
      expect((await listing.own(OWNER, { isPublic: true }, order, { after: cursor })).files).not.toEqual([]);
      expect((await listing.published({}, order, { after: cursor })).files).not.toEqual([]);
    }
  });

  it('is refused once a single character of it is changed, dropped or added', async () => {
    const cursor = listing.cursor(NEWEST, await middle(NEWEST));
    const changed = Array.from({ length: cursor.length }, (_, i) => [
      `${cursor.slice(0, i)}${cursor[i] === 'A' ? 'B' : 'A'}${cursor.slice(i + 1)}`,
      `${cursor.slice(0, i)}${cursor.slice(i + 1)}`,
    ]).flat();
    for (const after of [...changed, `${cursor}A`, `${cursor}=`, ` ${cursor}`, `${cursor}.`]) {
      await expect(own(NEWEST, { after }), after).rejects.toMatchObject(refusal('after'));
    }
  });

  it.each(['', '.', '..', 'x', 'bm90IGpzb24', '{"$gt":""}', '\u0000', 'é'.repeat(10_000)])(
    'is refused when it is nothing of ours: %j',
    async (text) => {
      await expect(own(NEWEST, { after: text })).rejects.toMatchObject(refusal('after'));
      await expect(own(NEWEST, { before: text })).rejects.toMatchObject(refusal('before'));
    },
  );

  it('of another installation, or of what is signed for another purpose, is refused', async () => {
    const file = await middle(NEWEST);
    for (const signer of [new Signer(['other secret'], 'cursors'), new Signer(['secret'], 'content links')]) {
      const after = new FileCursors(signer).encode(NEWEST, file);
      await expect(own(NEWEST, { after })).rejects.toMatchObject(refusal('after'));
    }
  });

  it('still works after a new secret was put in front of the one that signed it', async () => {
    const cursors = new FileCursors(new Signer(['new secret', 'secret'], 'cursors'));
    const rotated = new FileListing(
      database.collections.files,
      cursors,
      scopesOf(database.collections),
      new FileSearch(database.collections.files, false),
    );
    const after = listing.cursor(NEWEST, await middle(NEWEST));
    expect((await rotated.own(OWNER, {}, NEWEST, { after })).files).not.toEqual([]);
  });
});

describe('A page', () => {
  it.each([0, -1, 101, 1.5, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY])(
    'of %d files is refused, by the argument’s name',
    async (size) => {
      await expect(own(NEWEST, { first: size })).rejects.toMatchObject(refusal('first'));
      await expect(own(NEWEST, { last: size })).rejects.toMatchObject(refusal('last'));
      await expect(listing.published({}, NEWEST, { first: size })).rejects.toMatchObject(refusal('first'));
    },
  );

  it('has 25 files unless asked otherwise, and 1 to 100 when asked', async () => {
    const sizeOf = async (request: PageRequest) => (await own(NEWEST, request)).files.length;
    expect(await sizeOf({})).toBe(25);
    expect(await sizeOf({ first: null, last: null, after: null, before: null })).toBe(25);
    for (const size of [1, 2, 99, 100]) {
      expect(await sizeOf({ first: size })).toBe(size);
      expect(await sizeOf({ last: size })).toBe(size);
    }
    const before = listing.cursor(NEWEST, await middle(NEWEST));
    expect(await sizeOf({ before })).toBe(5);
  });

  it.each([
    [{ first: 1, last: 1 }, 'last'],
    [{ first: 1, before: 'x' }, 'before'],
    [{ after: 'x', last: 1 }, 'last'],
    [{ after: 'x', before: 'x' }, 'before'],
  ])('asked for from both ends, %j, is refused', async (request, field) => {
    await expect(own(NEWEST, request)).rejects.toMatchObject(refusal(field));
  });
});

describe('The tags', () => {
  const tagged = viewer();
  const tag = (tags: string[], changes: Partial<StoredFile> = {}) =>
    fileOf(tagged.userId, 'a', { tags, ...changes });
  beforeAll(() =>
    insert(database.collections, [
      tag(['b', 'a', 'été']),
      tag(['b', 'été']),
      tag(['b', 'bc', 'Été']),
      tag(['zz', 'gone'], { isDeleted: true }),
      tag(['gone'], { expiryDate: new Date(Date.now() - 1) }),
      tag(['gone'], { uploadStatus: 'FAILED' as never }),
    ]),
  );
  const tags = async (prefix: string, first = 50) =>
    (await listing.tags(tagged, prefix, first)).map(({ tag, count }) => `${tag}:${count}`);

  it('are those of the files that the list shows, the most used first, equal ones by name', async () => {
    expect(await tags('')).toEqual(['b:3', 'été:2', 'a:1', 'bc:1', 'Été:1']);
    expect(await tags('', 2)).toEqual(['b:3', 'été:2']);
    expect(await listing.tags(viewer(), '', 50)).toEqual([]);
  });

  it('can be asked for by how they begin, by the letter and not by a pattern', async () => {
    expect(await tags('b')).toEqual(['b:3', 'bc:1']);
    expect(await tags('bc')).toEqual(['bc:1']);
    expect(await tags('é')).toEqual(['été:2']);
    expect(await tags('e\u0301t')).toEqual(['été:2']);
    for (const prefix of ['.*', '^b', '$ne', 'c', '\u0000', '🙂']) expect(await tags(prefix)).toEqual([]);
  });

  it('come 1 to 1000 at a time', async () => {
    for (const first of [0, -1, 1001, Number.NaN])
      await expect(tags('', first)).rejects.toMatchObject(refusal('first'));
    expect(await tags('', 1000)).toHaveLength(5);
  });
});

describe('The storage statistics', () => {
  it('sum up the COMPLETED files exactly, equal contents stored once', async () => {
    const someone = viewer();
    const [shared, big, lone] = [new ObjectId(), new ObjectId(), new ObjectId()];
    const of = (mimeType: string, fileSize: number, blob: ObjectId, changes: Partial<StoredFile> = {}) =>
      fileOf(someone.userId, 'a', { mimeType, fileSize, blob, ...changes });
    await insert(database.collections, [
      of('image/png', 10, shared),
      of('image/jpeg', 10, shared),
      of('text/plain', 10, shared, { isDeleted: true }),
      of('video/mp4', 2 ** 52, big),
      of('text/csv', 0, lone),
      of('audio/ogg', 20, new ObjectId(), { isDeleted: true }),
      of('image/png', 99, new ObjectId(), { uploadStatus: 'UPLOADING' as never }),
      fileOf(new ObjectId(), 'of others', { fileSize: 5 }),
    ]);
    expect(await storageSummary(database.collections.files, someone)).toEqual({
      totalFiles: 4,
      totalBytes: 2 ** 52 + 20,
      versionBytes: 0,
      storedBytes: 2 ** 52 + 30,
      trashedFiles: 2,
      trashedBytes: 30,
      byMimeFamily: [
        { family: 'video', files: 1, bytes: 2 ** 52 },
        { family: 'image', files: 2, bytes: 20 },
        { family: 'text', files: 1, bytes: 0 },
      ],
    });
  });

  it('are all 0 for an account without files', async () => {
    const bytes = { totalBytes: 0, versionBytes: 0, storedBytes: 0, trashedBytes: 0 };
    const none = { ...bytes, totalFiles: 0, trashedFiles: 0, byMimeFamily: [] };
    expect(await storageSummary(database.collections.files, viewer())).toEqual(none);
  });
});
