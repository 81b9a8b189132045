import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StoredFile } from '../../../src/models/file.ts';
import { NameCollision } from '../../../src/models/name-collision.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { FilePage } from '../../../src/services/files/file-listing.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { wordFields } from '../../../src/texts/described-words.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { fileOf, insert } from '../../support/listed-files.ts';
import { type FolderNode, folderNode, someone } from '../../support/nodes/folder-node.ts';
import { QueryPlans } from '../../support/queries/query-plans.ts';

const BY_RELEVANCE = { field: 'relevance', direction: -1 } as const;
const day = (date: number) => ({ createdAt: new Date(Date.UTC(2026, 0, date)) });

let database: TestDatabase;
let node: FolderNode;

beforeAll(async () => {
  database = await openTestDatabase();
  node = folderNode(database.collections);
});
afterAll(() => database.close());

const owning = async (...files: [name: string, changes?: Partial<StoredFile>][]): Promise<Viewer> => {
  const viewer = await someone(database.collections);
  await insert(
    database.collections,
    files.map(([name, changes]) => fileOf(viewer.userId, name, changes)),
  );
  return viewer;
};
const namesOf = (page: FilePage) => page.files.map(({ originalName }) => originalName);
const best = async (viewer: Viewer, search: string, criteria = {}) =>
  namesOf(await node.fileListing.own(viewer, { search, ...criteria }, BY_RELEVANCE, {}));

it('Words as they were written come before their beginnings, the name before the tags and the description, then the newest', async () => {
  const viewer = await owning(
    ['1 old.txt', { description: 'a plan', ...day(1) }],
    ['2.txt', { tags: ['plan'] }],
    ['3 plan.txt', day(1)],
    ['4 plan.txt', day(2)],
    ['5.txt', { description: 'planned' }],
    ['6.txt', { tags: ['planned'] }],
    ['7 planned.txt'],
    ['8 old.txt', { description: 'a plan', ...day(2) }],
  );
  const ranked = [
    '4 plan.txt',
    '3 plan.txt',
    '2.txt',
    '8 old.txt',
    '1 old.txt',
    '7 planned.txt',
    '6.txt',
    '5.txt',
  ];
  expect(await best(viewer, 'plan')).toEqual(ranked);
  const worst = { ...BY_RELEVANCE, direction: 1 } as const;
  expect(namesOf(await node.fileListing.own(viewer, { search: 'plan' }, worst, {}))).toEqual(
    ranked.toReversed(),
  );
});

it.each([
  ['recieve', 'receive.txt'],
  ['reciept', 'receipt.txt'],
  ['budgt', 'Budget 2026.txt'],
  ['budgett', 'Budget 2026.txt'],
  ['bufget', 'Budget 2026.txt'],
  ['udget', 'Budget 2026.txt'],
  ['muler', 'Müller.txt'],
  ['отчот', 'Отчёт.txt'],
  ['presntaton', 'Presentation.txt'],
  ['prezentacion', 'Presentation.txt'],
  ['prseentation', 'Presentation.txt'],
  ['budgt 2026', 'Budget 2026.txt'],
])('A slip in a word is forgiven where nothing begins with it: %s', async (search, name) => {
  const viewer = await owning(
    ['receive.txt'],
    ['receipt.txt'],
    ['Budget 2026.txt'],
    ['Müller.txt'],
    ['Отчёт.txt'],
    ['Presentation.txt'],
  );
  expect(await best(viewer, search)).toEqual([name]);
  const page = await node.fileListing.own(viewer, { search }, { field: 'createdAt', direction: -1 }, {});
  expect([namesOf(page), await page.count()]).toEqual([[name], 1]);
});

it.each(['cta', '2027', 'bdgxt', 'budge2026', 'prsntatn', '写貞'])(
  'What is too far away, too short, or a number is not taken for another word: %s',
  async (search) => {
    const viewer = await owning(['cat Budget 2026 Presentation 写真.txt']);
    expect(await best(viewer, search)).toEqual([]);
  },
);

it('A word that something begins with is what was meant, even where another filter leaves nothing of it', async () => {
  const viewer = await owning(['house.txt'], ['mouse.png', { mimeType: 'image/png' }]);
  expect(await best(viewer, 'mouse', { mimeType: 'text/*' })).toEqual([]);
  expect(await best(viewer, 'nouse', { mimeType: 'text/*' })).toEqual(['house.txt']);
});

it('A search in a folder knows the words of that folder alone', async () => {
  const viewer = await someone(database.collections);
  const folder = await node.folders.create(viewer, { name: 'f' }, NameCollision.FAIL);
  await insert(database.collections, [
    fileOf(viewer.userId, 'secret.txt', { folder: folder._id }),
    fileOf(viewer.userId, 'secrex.txt'),
  ]);
  expect(await best(viewer, 'secrex', { folderId: folder._id.toHexString() })).toEqual(['secret.txt']);
  expect(await best(viewer, 'secrex')).toEqual(['secrex.txt']);
});

it('Pages by relevance hold every match once, forward and backward, also while files come', async () => {
  const viewer = await owning(
    ...Array.from({ length: 30 }, (_, i): [string, Partial<StoredFile>] => [
      i % 3 ? `${i} paper.txt` : `${i} papers.txt`,
      { ...day(1 + (i % 4)), description: i % 2 ? 'paper' : null },
    ]),
  );
  const search = 'paper';
  const all = (await node.fileListing.own(viewer, { search }, BY_RELEVANCE, { first: 100 })).files.map(
    ({ id }) => id,
  );
  expect(new Set(all).size).toBe(30);
  const seen: string[] = [];
  for (let after: string | null = null; ; ) {
    const page: FilePage = await node.fileListing.own(viewer, { search }, BY_RELEVANCE, { first: 7, after });
    seen.push(...page.files.map(({ id }) => id));
    if (seen.length === 7) await insert(database.collections, [fileOf(viewer.userId, 'new paper.txt')]);
    if (!page.hasNextPage) break;
    after = node.fileListing.cursor(BY_RELEVANCE, page.files.at(-1) as never);
  }
  expect(seen).toEqual(all);
  const last = await node.fileListing.own(viewer, { search }, BY_RELEVANCE, { last: 7 });
  const before = node.fileListing.cursor(BY_RELEVANCE, last.files[0] as never);
  const earlier = await node.fileListing.own(viewer, { search }, BY_RELEVANCE, { last: 7, before });
  expect([...earlier.files, ...last.files].map(({ id }) => id)).toEqual(all.slice(-14));
});

it.each([undefined, null, '', ' '])('Relevance orders nothing without a search: %j', async (search) => {
  const viewer = await owning(['a.txt']);
  const refused = { code: 'BAD_USER_INPUT' };
  await expect(node.fileListing.own(viewer, { search }, BY_RELEVANCE, {})).rejects.toMatchObject(refused);
  await expect(node.fileListing.published({ search }, BY_RELEVANCE, {})).rejects.toMatchObject(refused);
});

it('Signs of patterns and operators are separators, and long or many words are no trouble', async () => {
  const viewer = await owning([`${'x'.repeat(60)} a+b$c.txt`]);
  for (const search of ['.*', '^', '$where', '{"$gt":""}', '(a|b)', '[a-z]', 'a.*c', '\\p{L}']) {
    const found = await best(viewer, search);
    expect(found.length, search).toBe(['a.*c', '(a|b)'].includes(search) ? 1 : 0);
  }
  expect(await best(viewer, 'x'.repeat(200))).toHaveLength(1);
  const plans = new QueryPlans(database.connection);
  const many = 'a b c d e f g h i j k l m n o p q r s t u v w x y z '.repeat(4).slice(0, 200);
  await plans.expectIndexed(() => best(viewer, many), { maySort: true });
  await plans.expectIndexed(() => best(viewer, 'presntatn'), { maySort: true });
});

it('Every way to name a file leaves it with the words of what it says, those of its content kept', async () => {
  const viewer = await owning(['same.txt'], ['same.txt']);
  const [first, second] = await database.collections.files.find({ userId: viewer.userId }).lean();
  const folder = await node.folders.create(viewer, { name: 'f' }, NameCollision.FAIL);
  const id = String(first?._id);
  const right = async (_id: ObjectId | undefined) => {
    const file = (await database.collections.files.collection.findOne({
      _id: _id as ObjectId,
    })) as never as StoredFile;
    const own = file.words?.filter((word) => !word.startsWith('\u0001'));
    expect({ words: own, wordEnds: file.wordEnds }).toEqual(wordFields(file));
    return file;
  };
  await database.collections.files.collection.updateOne(
    { _id: first?._id as ObjectId },
    { $push: { words: '\u0001inside' } as never },
  );
  await node.files.update(viewer, id, {
    originalName: 'Other name.txt',
    description: 'Said of it',
    tags: ['one two'],
  });
  await right(first?._id);
  await Promise.all([
    node.files.update(viewer, id, { tags: ['three'] }),
    node.files.update(viewer, id, { originalName: 'third.txt' }),
    node.files.update(viewer, id, { description: null }),
  ]);
  expect((await right(first?._id)).words).toEqual(['third', 'txt', 'three', '\u0001inside']);
  await node.bulk.tag(viewer, [id], { add: ['four'], remove: ['three'] });
  expect((await right(first?._id)).words).toContain('four');
  await node.files.update(viewer, id, { originalName: 'same.txt' });
  const to = folder._id.toHexString();
  await node.moves.move(viewer, [id], to, NameCollision.RENAME);
  await node.moves.move(viewer, [String(second?._id)], to, NameCollision.RENAME);
  expect((await right(second?._id)).originalName).toBe('same (2).txt');
});
