import { afterAll, beforeAll, expect, it } from 'vitest';
import { Permission, ShareKind } from '../../../src/models/grant.ts';
import { NameCollision } from '../../../src/models/name-collision.ts';
import type { ObjectId } from '../../../src/models/object-id.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { fileOf, insert } from '../../support/listed-files.ts';
import { type FolderNode, folderNode, someone } from '../../support/nodes/folder-node.ts';

const { FAIL } = NameCollision;

let database: TestDatabase;
let node: FolderNode;
let ada: Viewer;
let bob: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  node = folderNode(database.collections);
  [ada, bob] = [await someone(database.collections), await someone(database.collections)];
});
afterAll(() => database.close());

const make = (name: string, parentId?: string) => node.folders.create(ada, { name, parentId }, FAIL);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    ({ code, message }) => code ?? message,
  );
const grant = (target: ObjectId, permission: Permission, kind = ShareKind.FOLDER) =>
  database.collections.grants.create({
    ...{ userId: ada.userId, kind, target, grantee: bob.userId },
    ...{ grantedBy: ada.userId, permission },
  });

it('Nobody gains by a move: where they hold more they put nothing that they hold less of', async () => {
  const [edited, managed] = [await make('edited'), await make('managed')];
  await grant(edited._id, Permission.EDIT);
  await grant(managed._id, Permission.MANAGE);
  const [low, high] = [await make('low', edited.id), await make('high', managed.id)];
  const [kept, shared] = ['a.txt', 'b.txt'].map((name) =>
    fileOf(ada.userId, name, { folder: edited._id }),
  ) as [ReturnType<typeof fileOf>, ReturnType<typeof fileOf>];
  await insert(database.collections, [kept, shared]);
  await grant(shared._id, Permission.MANAGE, ShareKind.FILE);
  const ids = [kept, shared].map(({ _id }) => _id.toHexString());
  const { succeeded, failed } = await node.moves.move(bob, ids, managed.id, FAIL);
  expect(succeeded).toEqual([ids[1]]);
  expect(failed).toMatchObject([{ id: ids[0], code: 'FORBIDDEN' }]);
  expect(await codeOf(node.folders.move(bob, low.id, managed.id, FAIL))).toBe('FORBIDDEN');
  expect(await codeOf(node.folders.move(bob, high.id, edited.id, FAIL))).toBe('done');
  expect(await codeOf(node.folders.move(ada, low.id, managed.id, FAIL))).toBe('done');
});
