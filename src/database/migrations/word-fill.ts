import type { Collections } from '../../models/collections.ts';
import { WORDED, type Worded, wordsUpdate } from '../../texts/described-words.ts';

type Id = NonNullable<Parameters<Collections['files']['findById']>[0]>;

const BATCH = 500;
const NO_SUCH_INDEX = 27;
const NO_SUCH_COLLECTION = 26;

/** Gives the words by which search finds files to those that were stored before files had any. */
export async function fillWords({ collection }: Collections['files']): Promise<void> {
  for (let after: Id | undefined; ; ) {
    const page = (await collection
      .find((after ? { _id: { $gt: after } } : {}) as never, { projection: WORDED })
      .sort({ _id: 1 })
      .limit(BATCH)
      .toArray()) as unknown as Worded<Id>[];
    const writes = page.flatMap((file) => wordsUpdate({ ...file, tags: file.tags ?? [] }) ?? []);
    if (writes.length > 0) {
      await collection.bulkWrite(
        writes.map(({ filter: { _id }, update }) => withoutOld(_id, update)) as never,
      );
    }
    after = page.at(-1)?._id;
    if (!after) return;
  }
}

/** Removes the index by which search found files before. */
export async function dropTextIndex({ collection }: Collections['files']): Promise<void> {
  try {
    await collection.dropIndex('own_text');
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code !== NO_SUCH_INDEX && code !== NO_SUCH_COLLECTION) throw error;
  }
}

const withoutOld = (_id: Id, update: object) => ({
  updateOne: { filter: { _id }, update: { ...update, $unset: { nameWords: '' } } },
});
