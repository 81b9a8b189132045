import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { WORDED, type Worded, wordsUpdate } from '../../texts/described-words.ts';

const MOST_ROUNDS = 5;

/**
 * Makes the words of files follow what they come from, after a change that could not know all of it. Whoever changes
 * the same files at the same time does so, too, so that the last one leaves them right.
 */
export async function followWords(files: Collections['files'], ids: readonly ObjectId[]): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const found = (await files.collection
      .find({ _id: { $in: [...ids] } }, { projection: WORDED })
      .toArray()) as unknown as Worded<ObjectId>[];
    const wrong = found.flatMap((file) => wordsUpdate(file) ?? []);
    if (wrong.length === 0) return;
    await files.collection.bulkWrite(
      wrong.map((updateOne) => ({ updateOne }) as never),
      { ordered: false },
    );
  }
}
