import { afterAll, beforeAll, expect, it } from 'vitest';
import { migration } from '../../../src/database/migrations/0004-sharing.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { fileOf, insert } from '../../support/listed-files.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

it('Files that were stored before files had words get theirs, and the text index goes, also when it is done again', async () => {
  const { files } = database.collections;
  const owner = new ObjectId();
  const old = Array.from({ length: 1_200 }, (_, i) =>
    fileOf(owner, `Größe ${i}.txt`, { tags: ['A b'], description: i % 2 ? null : 'said' }),
  );
  await insert(
    database.collections,
    old.map(({ words: _words, wordEnds: _ends, ...file }) => ({ ...file, nameWords: 'old' }) as never),
  );
  await files.collection.createIndex({ userId: 1, originalName: 'text' }, { name: 'own_text' });
  for (const _time of [1, 2]) await migration.up(database.collections, database.connection);
  const found = await files.collection.find({ userId: owner }).sort({ _id: 1 }).toArray();
  expect(found.map(({ words, wordEnds }) => ({ words, wordEnds }))).toEqual(
    old.map(({ words, wordEnds }) => ({ words, wordEnds })),
  );
  expect(found[2]).toMatchObject({ words: ['grosse', '2', 'txt', 'a', 'b', 'said'], wordEnds: [3, 5] });
  expect(found.filter((file) => 'nameWords' in file)).toEqual([]);
  expect((await files.collection.indexes()).map(({ name }) => name)).not.toContain('own_text');
});
