import { afterAll, beforeAll, expect, test } from 'vitest';
import { Permission, ShareKind } from '../../../src/models/grant.ts';
import { NameCollision } from '../../../src/models/name-collision.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { fileOf, insert } from '../../support/listed-files.ts';
import { type FolderNode, folderNode, someone } from '../../support/nodes/folder-node.ts';

let database: TestDatabase;
let node: FolderNode;
let ada: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  node = folderNode(database.collections);
  ada = await someone(database.collections);
});
afterAll(() => database.close());

/** A folder with a folder and a file in it, each with a grant and a link, and both folders with an upload request. */
async function furnished() {
  const { collections } = database;
  const folder = await node.folders.create(ada, { name: 'shared' }, NameCollision.RENAME);
  const below = await node.folders.create(ada, { name: 'below', parentId: folder.id }, NameCollision.FAIL);
  const file = fileOf(ada.userId, 'a.txt', { folder: below._id });
  await insert(collections, [file]);
  const who = { userId: ada.userId, createdBy: ada.userId, allowedTypes: [], files: 0 };
  for (const { _id: target } of [folder, below, file]) {
    const kind = target.equals(file._id) ? ShareKind.FILE : ShareKind.FOLDER;
    const given = { ...who, kind, target, grantee: new ObjectId(), grantedBy: ada.userId };
    await collections.grants.create({ ...given, permission: Permission.VIEW });
    const link = { ...given, allowDownload: true, opens: 0, downloads: 0 };
    await collections.shares.create({ ...link, tokenHash: `${target}` });
    if (kind === ShareKind.FILE) continue;
    await collections.uploadRequests.create({ ...who, folder: target, tokenHash: `${target}` });
  }
  return { folder, targets: [folder._id, below._id, file._id] };
}

const WAYS: Record<string, (id: string) => Promise<unknown>> = {
  'is purged': (id) => node.removals.purge(ada, id),
  'goes with the emptied trash': async (id) => {
    await node.removals.delete(ada, id);
    await node.trash.empty(ada.userId);
  },
  'was in the trash for long enough': async (id) => {
    await node.removals.delete(ada, id);
    const tomorrow = new Date(Date.now() + 24 * 3_600_000);
    await node.purge.purgeAll({ isDeleted: true, deletedAt: { $lt: tomorrow } });
    await node.sweep.run(new Date(0), tomorrow, new AbortController().signal);
  },
};

test.each(Object.entries(WAYS))(
  'nothing that was given on a folder, or on what lies in it, works or stays when it %s',
  async (_way, remove) => {
    const { grants, shares, uploadRequests, folders, files } = database.collections;
    const { folder, targets } = await furnished();
    const among = { $in: targets };
    const counts = () =>
      Promise.all([
        folders.countDocuments({ _id: among }),
        files.countDocuments({ _id: among }),
        grants.countDocuments({ target: among }),
        uploadRequests.countDocuments({ folder: among }),
        // Its maker may look at one that has ended for another 30 days.
        shares.countDocuments({ target: among, goneAfter: null }),
      ]);
    expect(await counts()).toEqual([2, 1, 3, 2, 3]);
    await remove(folder.id);
    expect(await counts()).toEqual([0, 0, 0, 0, 0]);
    expect(await shares.countDocuments({ target: among, goneAfter: { $gt: new Date() } })).toBe(3);
  },
);
