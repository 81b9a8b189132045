import mongoose from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AuditAction } from '../../../src/models/audit-event.ts';
import { collectionsOf } from '../../../src/models/collections.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { NameCollision } from '../../../src/models/name-collision.ts';
import type { ObjectId } from '../../../src/models/object-id.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { commandsOf } from '../../support/commands.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { fileOf, insert } from '../../support/listed-files.ts';
import { Mortal } from '../../support/mortal.ts';
import { type FolderNode, folderNode, folderOf, pathsOf, someone } from '../../support/nodes/folder-node.ts';

const { FAIL } = NameCollision;
const WRITES = ['insertOne', 'updateOne', 'updateMany', 'findOneAndUpdate', 'deleteOne', 'deleteMany'];
const NEVER = new AbortController().signal;

let database: TestDatabase;
let node: FolderNode;
let ada: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.collections.folders.deleteMany({});
  await database.collections.files.deleteMany({});
  node = folderNode(database.collections);
  ada = await someone(database.collections);
});

const make = (name: string, parentId?: string) => node.folders.create(ada, { name, parentId }, FAIL);
const codeOf = (work: Promise<unknown>) => work.then(() => 'done').catch(({ code }) => code);
const later = () => new Date(Date.now() + 60_000);
const sweep = () => node.sweep.run(later(), new Date(0), NEVER);

async function lay(name: string, folder: ObjectId | null): Promise<StoredFile> {
  const file = fileOf(ada.userId, name, { folder });
  await insert(database.collections, [file]);
  return file;
}

/** The names of the live files with the folders they lie in. */
async function liveFiles(): Promise<string[]> {
  const live = await database.collections.files.find({ userId: ada.userId, isDeleted: false }).lean();
  return live.map(({ originalName, folder }) => `${originalName} in ${folder ?? 'the root'}`).sort();
}

const inTrash = () => database.collections.folders.find({ isDeleted: true }).lean();

/** a / b / c with a file in each, another file and folder of a that were in the trash before. */
async function tree() {
  const a = await make('a');
  const b = await make('b', a.id);
  const c = await make('c', b.id);
  for (const folder of [a, b, c]) await lay(`in ${folder.name}`, folder._id);
  const old = await lay('old', a._id);
  await node.files.trash(ada, old._id.toHexString());
  const gone = await make('gone', a.id);
  await lay('in gone', gone._id);
  await node.removals.delete(ada, gone.id);
  return { a, b, c, gone, old };
}

describe('A folder that is deleted', () => {
  it('goes into the trash with everything below it and comes back with exactly that', async () => {
    const { a, b, gone } = await tree();
    const before = await liveFiles();
    const deleted = await node.removals.delete(ada, a.id);
    expect(deleted.isDeleted).toBe(true);
    expect([await pathsOf(database.collections, ada), await liveFiles()]).toEqual([[], []]);
    const { nodes } = await node.listing.page(ada, null, true, {});
    expect(nodes.map(({ name }) => name)).toEqual(['a', 'gone']);
    expect((await node.listing.page(ada, a.id, true, {})).nodes.map(({ name }) => name)).toEqual([
      'b',
      'gone',
    ]);
    expect(await codeOf(make('x', b.id))).toBe('NOT_FOUND');
    expect(await codeOf(node.removals.restore(ada, b.id))).toBe('CONFLICT');
    await node.removals.restore(ada, a.id);
    expect(await pathsOf(database.collections, ada)).toEqual(['a', 'a/b', 'a/b/c']);
    expect(await liveFiles()).toEqual(before);
    expect((await inTrash()).map(({ _id }) => _id)).toEqual([gone._id]);
    expect(node.acts.filter((act) => act === AuditAction.FOLDER_DELETED)).toHaveLength(2);
    expect(node.told.filter(({ kind }) => kind === 'RESTORED')).toHaveLength(3);
  });

  it('comes back into the root where its place is gone, numbered where its name is taken', async () => {
    const { a, gone } = await tree();
    await node.removals.delete(ada, a.id);
    await make('gone');
    expect(await node.removals.restore(ada, gone.id)).toMatchObject({ name: 'gone (2)', parent: null });
    await make('a');
    expect((await node.removals.restore(ada, a.id)).name).toBe('a (2)');
    await make('b', a.id).catch(() => undefined);
  });

  it('is purged for good with what went with it, and with nothing else', async () => {
    const { a, gone, old } = await tree();
    await node.removals.delete(ada, a.id);
    await node.removals.purge(ada, a.id);
    expect((await inTrash()).map(({ _id }) => _id)).toEqual([gone._id]);
    const files = await database.collections.files.find({ userId: ada.userId }).lean();
    expect(files.map(({ originalName }) => originalName).sort()).toEqual(['in gone', 'old']);
    expect((await node.files.restore(ada, old._id.toHexString())).folder).toBeNull();
    await node.files.emptyTrash(ada);
    expect([await inTrash(), await liveFiles()]).toEqual([[], ['old in the root']]);
    const live = await make('live');
    await lay('x', live._id);
    await node.removals.purge(ada, live.id);
    expect(await liveFiles()).toEqual(['old in the root']);
  });

  it('takes along what comes into it while it goes: folders, moved files, restored files, uploads', async () => {
    const target = await make('target');
    const deep = await make('deep', target.id);
    const files = await Promise.all(Array.from({ length: 12 }, (_, i) => lay(`f${i}`, null)));
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < 12; i += 1) {
      work.push(make(`m${i}`, i % 2 ? deep.id : target.id));
      work.push(node.moves.move(ada, [String(files[i]?._id)], deep.id, NameCollision.RENAME));
      work.push(lay(`up${i}`, deep._id).then((file) => node.places.settle(file)));
      if (i === 4) work.push(node.removals.delete(ada, target.id));
    }
    await Promise.allSettled(work);
    expect(await pathsOf(database.collections, ada)).toEqual([]);
    expect((await liveFiles()).filter((text) => !text.endsWith('the root'))).toEqual([]);
    const { files: stored } = database.collections;
    expect(await stored.countDocuments({ userId: ada.userId })).toBe(24);
    await node.removals.restore(ada, target.id);
    expect((await liveFiles()).filter((text) => text.startsWith('up'))).toHaveLength(12);
  });

  it('keeps an upload that comes after it is gone for good, in the trash', async () => {
    const folder = await make('x');
    await node.removals.purge(ada, folder.id);
    const state = await node.places.settle(await lay('late', folder._id));
    expect(state).toMatchObject({ isDeleted: true, folder: null });
  });

  it('is removed once its time is over and its files are gone, not before', async () => {
    const { a } = await tree();
    await node.removals.delete(ada, a.id);
    const removeOld = () => node.sweep.run(new Date(0), later(), NEVER);
    await removeOld();
    expect((await inTrash()).length).toBe(4);
    await node.purge.purgeAll({ userId: ada.userId, isDeleted: true });
    expect(await removeOld()).toBe(2);
    expect(await inTrash()).toEqual([]);
  });
});

type Story = 'delete' | 'restore' | 'purge';

/** Whether the process came to the end of its work before its fatal step. */
async function livesThrough(what: Story, id: string, mortal: Mortal): Promise<boolean> {
  const connection = await mongoose.createConnection(database.uri).asPromise();
  const collections = collectionsOf(connection);
  for (const { collection } of [collections.folders, collections.files]) mortal.seize(collection, WRITES);
  await folderNode(collections)
    .removals[what](ada, id)
    .catch(() => undefined);
  await connection.close();
  return !mortal.isDead;
}

/** What is left of a whole tree once the sweep was there, by whether the work on it had begun. */
function expectedAfter(what: Story, hasBegun: boolean, all: readonly string[]) {
  const isThere = what === 'restore' ? hasBegun : what === 'delete' && !hasBegun;
  const left = what === 'purge' && hasBegun ? 0 : 1;
  return isThere ? [['a', 'a/b', 'a/b/c'], all, left] : [[], [], left];
}

/** The live folders, the live files, and how many folders of this id there are, which must have nothing to be done. */
async function leftOf(_id: ObjectId) {
  const { folders } = database.collections;
  const left = await folders.countDocuments({ _id, spreadingAt: { $exists: false } });
  return [await pathsOf(database.collections, ada), await liveFiles(), left];
}

describe('A process that is killed at any of its steps', () => {
  it.each([
    ['delete', 'before'],
    ['delete', 'after'],
    ['restore', 'before'],
    ['restore', 'after'],
    ['purge', 'before'],
    ['purge', 'after'],
  ] as const)('leaves a %s that the sweep finishes, %s the effect of the step', async (what, when) => {
    let [lived, step] = [false, 0];
    while (!lived) {
      step += 1;
      ada = await someone(database.collections);
      const { a } = await tree();
      const all = await liveFiles();
      if (what !== 'delete') await node.removals.delete(ada, a.id);
      lived = await livesThrough(what, a.id, new Mortal(step, when));
      await sweep();
      const wanted = expectedAfter(what, step > 1 || when === 'after', all);
      expect(await leftOf(a._id), `killed at step ${step}`).toEqual(wanted);
    }
    expect(step).toBeGreaterThan(what === 'restore' ? 2 : 4);
  });
});

it('A tree costs as many queries as it has thousands of folders, however deep and wide it is', async () => {
  const top = folderOf(ada.userId, 'top');
  const chain = Array.from({ length: 3_000 }, (_, i) => folderOf(ada.userId, `d${i}`));
  chain.forEach((folder, i) => {
    folder.parent = (chain[i - 1] ?? top)._id;
  });
  const wide = Array.from({ length: 2_000 }, (_, i) => folderOf(ada.userId, `w${i}`, top._id));
  const { folders } = database.collections;
  await folders.collection.insertMany([top, ...chain, ...wide] as never);
  const id = top._id.toHexString();
  const commands = await commandsOf(database.connection, async () => {
    await node.removals.delete(ada, id);
    expect(await folders.countDocuments({ isDeleted: false })).toBe(0);
    await node.removals.restore(ada, id);
    expect(await folders.countDocuments({ isDeleted: true })).toBe(0);
    await node.listing.breadcrumbs(ada, (await node.folders.get(ada, String(chain[2_999]?._id))) as never);
    await node.folders.move(ada, String(wide[0]?._id), String(chain[2_999]?._id), FAIL);
  });
  expect(commands.length).toBeLessThan(160);
});
