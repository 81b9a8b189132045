import type { Wired } from '../../../src/app/services.ts';
import type { Collections } from '../../../src/models/collections.ts';
import { NameCollision } from '../../../src/models/name-collision.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { fileOf, insert, ORDERS } from '../listed-files.ts';
import { folderOf } from '../nodes/folder-node.ts';

const { RENAME } = NameCollision;

/** Makes every query about folders; those that search may sort, so they are not among them. */
export async function askFolders(wired: Wired, collections: Collections, viewer: Viewer) {
  const { services } = wired;
  const { folders, folderListing, folderRemovals, fileMoves, files } = services;
  const make = (name: string, parentId?: string) => folders.create(viewer, { name, parentId }, RENAME);
  const a = await make('a');
  await make('a');
  const b = await make('b', a.id);
  const c = await make('c', b.id);
  await folders.rename(viewer, c.id, 'd', RENAME);
  const file = fileOf(viewer.userId, 'x', { folder: c._id });
  await insert(collections, [file, fileOf(viewer.userId, 'x', { folder: a._id })]);
  const id = file._id.toHexString();
  await fileMoves.move(viewer, [id], a.id, RENAME);
  await folders.move(viewer, b.id, null, RENAME);
  await folders.move(viewer, b.id, a.id, RENAME);
  await folders.viewable(viewer, [a.id, b.id]);
  await folderListing.breadcrumbs(viewer, c);
  await askLists(services, viewer, a.id);
  await folderRemovals.delete(viewer, a.id);
  await files.restore(viewer, id);
  for (const parentId of [null, a.id]) await page(services, viewer, parentId, true);
  await folderRemovals.restore(viewer, a.id);
  await folderRemovals.purge(viewer, a.id);
  await folders.mayStoreElsewhere(viewer);
  // Side by side as long as the database walks so many indexes at once, and otherwise through all of the account.
  for (const many of [99, 100]) await askManyFolders(wired, collections, viewer, many);
}

/** Lists the files of folders in every order, below few folders and below many. */
async function askLists(services: Wired['services'], viewer: Viewer, folderId: string): Promise<void> {
  const { listing } = services;
  for (const order of ORDERS) {
    for (const criteria of [{ folderId }, { folderId: 'root' }, { folderId, recursive: true }]) {
      const { files, count } = await listing.own(viewer, criteria, order, { first: 1 });
      await count();
      const after = files[0] ? listing.cursor(order, files[0]) : null;
      await listing.own(viewer, { ...criteria, tags: ['work'] }, order, { first: 3, after });
      await listing.own(viewer, criteria, order, { last: 3, before: after });
    }
  }
  for (const parentId of [null, folderId]) await page(services, viewer, parentId, false);
}

async function page(
  { folderListing }: Wired['services'],
  viewer: Viewer,
  parentId: string | null,
  isDeleted: boolean,
) {
  const first = await folderListing.page(viewer, parentId, isDeleted, { first: 1 });
  await first.count();
  const [node] = first.nodes;
  if (node) await folderListing.page(viewer, parentId, isDeleted, { first: 1, after: first.cursor(node) });
}

/** Puts so many folders into a new one, and lists the files below it in every order. */
async function askManyFolders({ services }: Wired, collections: Collections, viewer: Viewer, many: number) {
  const top = folderOf(viewer.userId, `top of ${many}`);
  const below = Array.from({ length: many }, (_, i) => folderOf(viewer.userId, `f${i}`, top._id));
  await collections.folders.collection.insertMany([top, ...below] as never);
  const criteria = { folderId: top._id.toHexString(), recursive: true };
  for (const order of ORDERS) await services.listing.own(viewer, criteria, order, { first: 3 });
}
