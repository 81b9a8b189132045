import type { Collections } from '../../models/collections.ts';
import type { Folder } from '../../models/folder.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';

type Links = Map<string, ObjectId | null>;

// Deeper than this, one query for the whole tree is faster than one for each level; so it is than $graphLookup.
const MOST_STEPS = 32;
// A level that is wider is not looked below: climbing on costs less.
const MOST_ABREAST = 1_000;

/** Walks the folders of an account, up to the root or down to everything below; however deep, it takes few queries. */
export class FolderTree {
  private readonly folders: Collections['folders'];

  constructor(folders: Collections['folders']) {
    this.folders = folders;
  }

  /** The folder and those it lies in, from itself to the root’s; empty for the root. */
  async above(userId: ObjectId, folder: ObjectId | null | undefined): Promise<ObjectId[]> {
    const path: ObjectId[] = [];
    for (let next = folder ?? null; next; ) {
      if (path.length >= MOST_STEPS) return [...path, ...climb(await this.links(userId), next)];
      const found = await this.folders.findOne({ _id: next, userId }, { parent: 1 }).lean();
      if (!found) break;
      path.push(found._id);
      next = found.parent;
    }
    return path;
  }

  /** Whether the folder and all that it lies in are live, also while a deletion is still being spread; the root is. */
  async isLive(userId: ObjectId, folder: ObjectId | null | undefined): Promise<boolean> {
    if (!folder) return true;
    const path = await this.above(userId, folder);
    return path.length > 0 && !(await this.folders.exists({ _id: { $in: path }, isDeleted: true }));
  }

  /** Every live folder below this one, or below several, themselves not among them, those nearer first. */
  async below(userId: ObjectId, from: ObjectId | readonly ObjectId[]): Promise<ObjectId[]> {
    const found: ObjectId[] = [];
    let level = Array.isArray(from) ? [...(from as ObjectId[])] : [from as ObjectId];
    for (let depth = 0; level.length > 0; depth += 1) {
      if (depth >= MOST_STEPS) return [...found, ...descend(await this.links(userId), level)];
      level = await this.childrenOf(userId, level);
      found.push(...level);
    }
    return found;
  }

  /**
   * Whether the folder is the other one, or lies below it. Up from the one and down from the other by turns, so that it
   * takes no more queries than the shorter way: most folders have little below them, however deep they lie.
   */
  async isWithin(userId: ObjectId, folder: ObjectId, other: ObjectId): Promise<boolean> {
    let next: ObjectId | null = folder;
    let level = [other];
    for (let depth = 0; depth < MOST_STEPS; depth += 1) {
      if (!next) return false;
      if (next.equals(other)) return true;
      const [found, children]: [Pick<Folder, 'parent'> | null, ObjectId[]] = await Promise.all([
        this.folders.findOne({ _id: next, userId }, { parent: 1 }).lean(),
        level.length > MOST_ABREAST ? level : this.childrenOf(userId, level),
      ]);
      if (children.some((id) => id.equals(folder))) return true;
      if (children.length === 0) return false;
      level = children;
      next = found?.parent ?? null;
    }
    return (await this.above(userId, next)).some((id) => id.equals(other));
  }

  private async childrenOf(userId: ObjectId, level: readonly ObjectId[]): Promise<ObjectId[]> {
    const children = await this.folders
      .find({ userId, parent: { $in: level as ObjectId[] }, isDeleted: false }, { _id: 1 })
      .lean();
    return children.map(({ _id }) => _id);
  }

  /** Which folder each live folder of the account lies in. */
  private async links(userId: ObjectId): Promise<Links> {
    const links: Links = new Map();
    const all = this.folders.collection.find(
      { userId, isDeleted: false },
      { projection: { parent: 1 }, batchSize: 10_000 },
    );
    for await (const { _id, parent } of all) links.set(_id.toHexString(), parent);
    return links;
  }
}

function climb(links: Links, from: ObjectId): ObjectId[] {
  const path: ObjectId[] = [];
  // A path cannot be longer than there are folders: what would be, is a circle, of which there must be none.
  for (let next: ObjectId | null = from; next && path.length <= links.size; ) {
    path.push(next);
    next = links.get(next.toHexString()) ?? null;
  }
  return path;
}

function descend(links: Links, from: readonly ObjectId[]): ObjectId[] {
  const children = new Map<string, string[]>();
  for (const [id, parent] of links) {
    if (!parent) continue;
    const key = parent.toHexString();
    const siblings = children.get(key);
    if (siblings) siblings.push(id);
    else children.set(key, [id]);
  }
  const found: string[] = [];
  const seen = new Set(from.map((id) => id.toHexString()));
  for (let level = [...seen]; level.length > 0; ) {
    level = level.flatMap((id) => children.get(id) ?? []).filter((id) => !seen.has(id));
    for (const id of level) seen.add(id);
    found.push(...level);
  }
  return found.map((id) => parseId(id) as ObjectId);
}
