import type { Collections } from '../../../models/collections.ts';
import { LISTED, type StoredFile } from '../../../models/file.ts';
import type { Folder } from '../../../models/folder.ts';
import { ShareKind } from '../../../models/grant.ts';
import type { ObjectId } from '../../../models/object-id.ts';
import type { ShareLink } from '../../../models/share-link.ts';
import type { Viewer } from '../../viewer.ts';
import { withId } from '../../with-id.ts';
import type { Placed } from '../permissions/held-permissions.ts';
import type { ManyPermissions } from '../permissions/many-permissions.ts';

/** What a link leads to. */
export type LinkTarget =
  | { readonly kind: ShareKind.FILE; readonly thing: StoredFile }
  | { readonly kind: ShareKind.FOLDER; readonly thing: Folder };

type Found = Pick<Collections, 'files' | 'folders'>;

/** What lies there by this id, of those that can be shared at all; null where it is trashed, expired or not there. */
export async function findTarget(
  collections: Found,
  kind: ShareKind,
  id: ObjectId | null,
): Promise<LinkTarget | null> {
  if (!id) return null;
  if (kind === ShareKind.FILE) {
    const thing = await findSharedFile(collections, id);
    return thing && { kind: ShareKind.FILE, thing };
  }
  const thing = await collections.folders.findOne({ _id: id, isDeleted: false }).lean();
  return thing && { kind: ShareKind.FOLDER, thing: withId(thing) };
}

/** A file that can be shared: neither in the trash nor expired, nor found infected; else null. */
export async function findSharedFile(
  { files }: Pick<Found, 'files'>,
  id: ObjectId,
): Promise<StoredFile | null> {
  const file = await files.findOne({ _id: id, isDeleted: false, ...LISTED }).lean();
  return file && isLive(file) ? withId(file) : null;
}

/** A link with what it leads to, as far as that is there and to be seen. */
export type ShownLink = ShareLink & { file?: StoredFile | null; folder?: Folder | null };

/**
 * Gives links what they lead to, in few queries for however many; nothing where the viewer may not see it any more, as
 * somebody who made a link by a permission that was taken back.
 */
export async function withTargets(
  { collections, many }: { collections: Found; many: Pick<ManyPermissions, 'allowed'> },
  viewer: Pick<Viewer, 'userId'>,
  links: readonly ShareLink[],
): Promise<ShownLink[]> {
  const idsOf = (kind: ShareKind) => links.filter((link) => link.kind === kind).map(({ target }) => target);
  const [files, folders] = await Promise.all([
    seen(idsOf(ShareKind.FILE), ($in) => collections.files.find({ _id: { $in }, ...LISTED }).lean()),
    seen(idsOf(ShareKind.FOLDER), ($in) => collections.folders.find({ _id: { $in } }).lean()),
  ]);
  return links.map((link) => ({
    ...withId(link),
    file: files.get(link.target.toHexString()) ?? null,
    folder: folders.get(link.target.toHexString()) ?? null,
  }));

  async function seen<T extends Placed>(
    ids: ObjectId[],
    find: (ids: ObjectId[]) => Promise<T[]>,
  ): Promise<Map<string, T & { id: string }>> {
    const found = ids.length > 0 ? await find(ids) : [];
    const things = await many.allowed(viewer, 'view', found);
    return new Map(things.map((thing) => [thing._id.toHexString(), withId(thing)]));
  }
}

const isLive = ({ expiryDate }: StoredFile) => !expiryDate || expiryDate > new Date();
