import type { Collections } from '../../models/collections.ts';
import type { Folder } from '../../models/folder.ts';
import { ObjectId, parseId } from '../../models/object-id.ts';
import { type CountedPage, type ForwardRequest, pageSize } from '../forward-page.ts';
import type { SignedCursors } from '../signed-cursors.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import { type FolderLookup, ROOT } from './folder-lookup.ts';

/** The most folders that breadcrumbs show. */
export const MOST_BREADCRUMBS = 100;

interface Walk {
  readonly list: string;
  readonly conditions: object;
  readonly hint: string;
  readonly sort: Record<string, 1 | -1>;
  beyond(place: readonly string[]): object;
  placeOf(folder: Folder): string[];
}

/** Lists of folders, paged by key: a page costs the same wherever it lies. */
export class FolderListing {
  private readonly folders: Collections['folders'];
  private readonly lookup: FolderLookup;
  private readonly cursors: SignedCursors;

  constructor(parts: { folders: Collections['folders']; lookup: FolderLookup; cursors: SignedCursors }) {
    this.folders = parts.folders;
    this.lookup = parts.lookup;
    this.cursors = parts.cursors;
  }

  /**
   * The folders in a folder by name; with null or "root" those in the viewer’s root. Of the trash: those of a folder that
   * lie there, or with null or "root" all that the viewer deleted, the newest first.
   */
  async page(
    viewer: Viewer,
    parentId: string | null | undefined,
    isDeleted: boolean,
    request: ForwardRequest,
  ): Promise<CountedPage<Folder>> {
    if (parentId != null && parentId !== ROOT)
      return this.inFolder(viewer, await this.lookup.get(viewer, parentId), isDeleted, request);
    const { userId } = viewer;
    return this.walk(isDeleted ? deletions(userId) : siblings(userId, null), request);
  }

  /** The folders in this folder by name, for whoever may see it; what lies in the trash only for its owner. */
  async inFolder(
    viewer: Pick<Viewer, 'userId'> | null,
    { _id, userId, isDeleted: isDead }: Folder,
    isDeleted: boolean,
    request: ForwardRequest,
  ): Promise<CountedPage<Folder>> {
    // Nothing is live in the trash, and nobody but its owner looks into it.
    const isEmpty = isDeleted ? !(viewer && userId.equals(viewer.userId)) : isDead;
    const walk = isDeleted ? trashedSiblings(userId, _id) : siblings(userId, _id);
    return this.walk(
      isEmpty ? { ...walk, conditions: { ...walk.conditions, userId: NOBODY } } : walk,
      request,
    );
  }

  /** The folders that it lies in, the root’s first, as far as the viewer may see them; of more than 100 the nearest. */
  async breadcrumbs(viewer: Pick<Viewer, 'userId'> | null, folder: Folder): Promise<Folder[]> {
    if (!folder.parent) return [];
    const [found] = await this.folders.aggregate<{ above: (Folder & { depth: number })[] }>([
      { $match: { _id: folder._id } },
      {
        $graphLookup: {
          from: this.folders.collection.collectionName,
          startWith: '$parent',
          connectFromField: 'parent',
          connectToField: '_id',
          as: 'above',
          maxDepth: MOST_BREADCRUMBS - 1,
          depthField: 'depth',
        },
      },
      { $project: { above: 1 } },
    ]);
    const nearest = (found?.above ?? []).sort((a, b) => a.depth - b.depth).map((each) => withId(each));
    const isOwner = viewer !== null && folder.userId.equals(viewer.userId);
    const seen = isOwner ? nearest.length : await this.countSeen(viewer, nearest);
    return nearest.slice(0, seen).reverse();
  }

  /** How many of them, from the nearest on, the viewer may see: who sees a folder sees all below it. */
  private async countSeen(viewer: Pick<Viewer, 'userId'> | null, nearest: readonly Folder[]) {
    let [seen, unseen] = [0, nearest.length + 1];
    while (unseen - seen > 1) {
      const middle = (seen + unseen) >> 1;
      const [isSeen] = await this.lookup.viewable(viewer, [(nearest[middle - 1] as Folder).id]);
      if (isSeen) seen = middle;
      else unseen = middle;
    }
    return seen;
  }

  private async walk(walk: Walk, request: ForwardRequest): Promise<CountedPage<Folder>> {
    const { list, conditions, hint, sort } = walk;
    const size = pageSize(request.first);
    const place = this.cursors.decode(list, request.after);
    const found = await this.folders.collection
      .find({ $and: [conditions, ...(place ? [walk.beyond(place)] : [])] } as never, {
        hint,
        sort,
        limit: size + 1,
      })
      .toArray();
    return {
      nodes: found.slice(0, size).map((folder) => withId(folder as unknown as Folder)),
      hasNextPage: found.length > size,
      hasPreviousPage: place !== null,
      cursor: (folder) => this.cursors.encode(list, walk.placeOf(folder)),
      count: () => this.folders.collection.countDocuments(conditions as never, { hint }),
    };
  }
}

const NOBODY = new ObjectId('0'.repeat(24));

// Names of live siblings are unique, so a name alone tells the place.
const siblings = (userId: ObjectId, parent: ObjectId | null): Walk => ({
  list: `folders ${parent?.toHexString() ?? ROOT}`,
  conditions: { userId, parent, isDeleted: false },
  hint: 'sibling_names',
  sort: { nameKey: 1 },
  beyond: ([nameKey]) => ({ nameKey: { $gt: nameKey } }),
  placeOf: ({ nameKey }) => [nameKey],
});

const trashedSiblings = (userId: ObjectId, parent: ObjectId): Walk => ({
  list: `trashed folders ${parent.toHexString()}`,
  conditions: { userId, parent, isDeleted: true, isPurging: { $ne: true } },
  hint: 'trashed_children',
  sort: { nameKey: 1, _id: 1 },
  beyond: ([nameKey, id]) => ({
    // The bound on the name alone lets the index seek; the alternatives only decide among equal names.
    nameKey: { $gte: nameKey },
    $or: [{ nameKey: { $gt: nameKey } }, { nameKey, _id: { $gt: parseId(id) } }],
  }),
  placeOf: ({ nameKey, id }) => [nameKey, id],
});

const deletions = (userId: ObjectId): Walk => ({
  list: 'deleted folders',
  conditions: { userId, isTrashRoot: true, isDeleted: true },
  hint: 'trash',
  sort: { deletedAt: -1, _id: -1 },
  beyond: ([time, id]) => {
    const deletedAt = new Date(Number(time));
    return {
      deletedAt: { $lte: deletedAt },
      $or: [{ deletedAt: { $lt: deletedAt } }, { deletedAt, _id: { $lt: parseId(id) } }],
    };
  },
  placeOf: ({ deletedAt, id }) => [String(deletedAt?.getTime() ?? 0), id],
});
