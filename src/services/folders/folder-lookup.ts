import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { Folder } from '../../models/folder.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';
import { type FileAction, holds } from '../access.ts';
import type { HeldPermissions, Placed } from '../sharing/permissions/held-permissions.ts';
import type { ManyPermissions } from '../sharing/permissions/many-permissions.ts';
import type { Destination } from '../uploads/destination.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';

/** What clients may call the root, which is no folder. */
export const ROOT = 'root';

/** The error for every folder that is not there for this viewer, whether it exists or not. */
export const noFolder = () => new AppError('NOT_FOUND', 'There is no such folder.');

type Asker = Pick<Viewer, 'userId'> | null;

/** The error for a move by which its maker would come to hold more. */
export const wouldGain = () =>
  new AppError('FORBIDDEN', 'You hold more there than here: only who does not gain by it may move it there.');

/** Finds the folders that somebody may do something to. */
export class FolderLookup {
  private readonly folders: Collections['folders'];
  private readonly access: Pick<HeldPermissions, 'require' | 'ofMany'>;
  private readonly many: Pick<ManyPermissions, 'allowed'>;

  constructor(parts: {
    folders: Collections['folders'];
    access: Pick<HeldPermissions, 'require' | 'ofMany'>;
    many: Pick<ManyPermissions, 'allowed'>;
  }) {
    this.folders = parts.folders;
    this.access = parts.access;
    this.many = parts.many;
  }

  /** The folder, if the viewer may do all of this to it, or see it; FORBIDDEN for whoever was given less, else NOT_FOUND, also for a malformed id. */
  async get(viewer: Asker, id: string, ...actions: readonly FileAction[]): Promise<Folder> {
    const _id = parseId(id);
    const folder = _id && (await this.folders.findOne({ _id }).lean());
    if (!folder || folder.isPurging) throw noFolder();
    await this.access.require(viewer, actions.length > 0 ? actions : ['view'], folder, noFolder);
    return withId(folder) as Folder;
  }

  /** Those of the folders that the viewer may see, in the order of the ids; null for each of the others. */
  async viewable(viewer: Asker, ids: readonly string[]): Promise<(Folder | null)[]> {
    const found = await this.folders.find({ _id: { $in: ids.flatMap((id) => parseId(id) ?? []) } }).lean();
    const allowed = await this.many.allowed(
      viewer,
      'view',
      found.filter(({ isPurging }) => !isPurging),
    );
    const byId = new Map(allowed.map((folder) => [folder._id.toHexString(), withId(folder) as Folder]));
    return ids.map((id) => byId.get(id.toLowerCase()) ?? null);
  }

  /**
   * Where something of the viewer’s goes: null and "root" are its own root. NOT_FOUND for a folder in the trash, and as
   * `get` does; what is public from the beginning takes the right to share the folder, too.
   */
  async destination(
    viewer: Viewer,
    id: string | null | undefined,
    { isPublic }: { readonly isPublic?: boolean | null | undefined } = {},
  ): Promise<Destination> {
    if (id == null || id === ROOT) return { owner: viewer.userId, folder: null };
    const folder = await this.get(viewer, id, 'update', ...(isPublic ? (['share'] as const) : []));
    if (folder.isDeleted) throw noFolder();
    return { owner: folder.userId, folder: folder._id };
  }

  /** Lets pass who may take something out of the place: its editors, or of a root only the owner. */
  async requireMayLeave(viewer: Viewer, owner: ObjectId, place: ObjectId | null | undefined): Promise<void> {
    if (owner.equals(viewer.userId)) return;
    if (!place) throw new AppError('FORBIDDEN', 'Only its owner may move it elsewhere.');
    await this.get(viewer, place.toHexString(), 'update');
  }

  /** Those of the things that the viewer would hold more of if they lay there; none of the viewer’s own. */
  async gained<T extends Placed>(
    { userId }: Viewer,
    things: readonly T[],
    { folder }: Destination,
  ): Promise<T[]> {
    const foreign = things.filter((thing) => !thing.userId.equals(userId));
    if (foreign.length === 0) return [];
    const there = foreign.map((thing) => ({ ...thing, folder, parent: folder }));
    const held = await this.access.ofMany(userId, [...foreign, ...there]);
    return foreign.filter((_, i) => {
      const [now, then] = [held[i], held[foreign.length + i]];
      return then && !(now && holds(now, then));
    });
  }
}
