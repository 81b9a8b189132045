import { AppError } from '../../../errors.ts';
import type { Collections } from '../../../models/collections.ts';
import type { FileAccess } from '../../../models/file-details.ts';
import { type Grant, Permission } from '../../../models/grant.ts';
import type { ObjectId } from '../../../models/object-id.ts';
import { type FileAction, type Guarded, may } from '../../access.ts';
import type { FolderTree } from '../../folders/folder-tree.ts';
import { USABLE } from '../../sessions/sessions.ts';
import type { Viewer } from '../../viewer.ts';
import { best, countedOf, type Step } from './counted-grants.ts';

/** A file or a folder, with where it lies. */
export interface Placed extends Guarded {
  readonly _id: ObjectId;
  readonly access?: FileAccess;
  /** Of a file: the folder it lies in. */
  readonly folder?: ObjectId | null;
  /** Of a folder: the folder it lies in. */
  readonly parent?: ObjectId | null;
}

const GRANT = { target: 1, userId: 1, grantee: 1, grantedBy: 1, permission: 1 } as const;
type Found = Pick<Grant, '_id' | keyof typeof GRANT>;

/** What people hold by grants, on a thing itself or on a folder that it lies in; decided anew each time. */
export class HeldPermissions {
  private readonly collections: Pick<Collections, 'grants' | 'users' | 'folders'>;
  private readonly tree: FolderTree;

  constructor(collections: Pick<Collections, 'grants' | 'users' | 'folders'>, tree: FolderTree) {
    this.collections = collections;
    this.tree = tree;
  }

  /** Whether the viewer may do this; the database is asked only where grants decide. */
  async may(viewer: Pick<Viewer, 'userId'> | null, action: FileAction, thing: Placed): Promise<boolean> {
    if (may(viewer, action, thing)) return true;
    // Where even somebody who holds everything may not, there is nothing to look up.
    if (!viewer || !may(viewer, action, thing, Permission.MANAGE)) return false;
    return may(viewer, action, thing, await this.of(viewer.userId, thing));
  }

  /**
   * Lets pass who may do all of this. Rejects with FORBIDDEN for whoever was given less, and with the error for what is
   * not there for everybody else, also where they see the thing since it is public.
   */
  async require(
    viewer: Pick<Viewer, 'userId'> | null,
    actions: readonly FileAction[],
    thing: Placed,
    absent: () => AppError,
  ): Promise<void> {
    if (actions.every((action) => may(viewer, action, thing))) return;
    const isSeen = viewer !== null && may(viewer, 'view', thing, Permission.MANAGE);
    const held = isSeen ? await this.of(viewer.userId, thing) : null;
    if (!held) throw absent();
    if (!actions.every((action) => may(viewer, action, thing, held))) throw forbidden();
  }

  /** The most that grants give somebody on the thing; null where they give nothing. The owner’s own rights are none. */
  async of(userId: ObjectId, thing: Placed): Promise<Permission | null> {
    const [held = null] = await this.ofMany(userId, [thing]);
    return held;
  }

  /** The same of many things, in their order, in few queries. */
  async ofMany(userId: ObjectId, things: readonly Placed[]): Promise<(Permission | null)[]> {
    // Most accounts were never given anything of these owners’.
    const owners = { $in: things.map((thing) => thing.userId) };
    const isGivenAny = await this.collections.grants.exists({ grantee: userId, userId: owners });
    if (!isGivenAny) return things.map(() => null);
    const counted = await this.counted(things);
    return counted.map((steps) => best(steps.filter(({ grantee }) => grantee.equals(userId))));
  }

  /**
   * The grants that count on each of the things, in their order, those on folders that it lies in among them; none on
   * what lies below a trashed folder, unless what they were before is asked for.
   */
  async counted(things: readonly Placed[], { beforeTrash = false } = {}): Promise<Step[][]> {
    const paths = await this.pathsOf(things);
    const ids = [...new Map(paths.flat().map((id) => [id.toHexString(), id])).values()];
    const found = await this.collections.grants.find({ target: { $in: ids } }, GRANT).lean<Found[]>();
    if (found.length === 0) return things.map(() => []);
    const [givers, trashed] = await Promise.all([this.usable(found), this.trashed(ids)]);
    return things.map((thing, i) => {
      const path = paths[i] ?? [];
      // What lies below a trashed folder is in the trash, also before that is written on it.
      if (!beforeTrash && path.slice(1).some((id) => trashed.has(id.toHexString()))) return [];
      return countedOf(stepsOn(thing, path, found, givers), thing.userId);
    });
  }

  /** Each thing’s own id, and those of the folders above it. */
  private async pathsOf(things: readonly Placed[]): Promise<ObjectId[][]> {
    const known = new Map<string, Promise<ObjectId[]>>();
    return Promise.all(
      things.map(async ({ _id, userId, folder, parent }) => {
        const place = folder ?? parent;
        const name = `${userId.toHexString()} ${place?.toHexString() ?? ''}`;
        const above = known.get(name) ?? this.tree.above(userId, place);
        known.set(name, above);
        return [_id, ...(await above)];
      }),
    );
  }

  private async usable(found: readonly Found[]): Promise<Set<string>> {
    const ids = [...new Map(found.map(({ grantedBy }) => [grantedBy.toHexString(), grantedBy])).values()];
    const users = await this.collections.users.find({ _id: { $in: ids }, ...USABLE }, { _id: 1 }).lean();
    return new Set(users.map(({ _id }) => _id.toHexString()));
  }

  private async trashed(ids: ObjectId[]): Promise<Set<string>> {
    const folders = await this.collections.folders
      .find({ _id: { $in: ids }, isDeleted: true }, { _id: 1 })
      .lean();
    return new Set(folders.map(({ _id }) => _id.toHexString()));
  }
}

/** The grants on a path whose givers could give them now, as far as the givers’ accounts and the owner’s locks tell. */
function stepsOn(
  { userId, access }: Placed,
  path: readonly ObjectId[],
  found: readonly Found[],
  givers: ReadonlySet<string>,
): Step[] {
  const levels = new Map(path.map((id, level) => [id.toHexString(), level]));
  return found.flatMap((grant) => {
    const level = levels.get(grant.target.toHexString());
    // What belonged to somebody else when it was shared was shared by somebody else.
    if (level === undefined || !grant.userId.equals(userId)) return [];
    if (!givers.has(grant.grantedBy.toHexString())) return [];
    // What the owner locked, only the owner shares; what was shared of a folder is none of the file’s locks.
    const isLocked = level === 0 && access?.canShare === false && !grant.grantedBy.equals(userId);
    return isLocked ? [] : [{ ...grant, level }];
  });
}

const forbidden = () => new AppError('FORBIDDEN', 'What you were given here does not allow this.');
