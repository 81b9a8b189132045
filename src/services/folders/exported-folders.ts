import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';

// A cursor that is not asked for ten minutes ends: as few documents at once as also a slow reader takes by then.
const BATCHED = { batchSize: 100 };

/** The account’s folders as its data export tells them, those in the trash last. */
export async function* foldersOf({ folders }: Collections, userId: ObjectId): AsyncGenerator<object> {
  for (const isDeleted of [false, true]) {
    const hint = isDeleted ? 'trashed_children' : 'sibling_names';
    for await (const folder of folders.find({ userId, isDeleted }, {}, BATCHED).hint(hint).lean()) {
      const { _id, name, parent, deletedAt = null, createdAt, updatedAt } = folder;
      yield { id: _id, name, parentId: parent ?? null, isDeleted, deletedAt, createdAt, updatedAt };
    }
  }
}
