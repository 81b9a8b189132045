import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Folder } from '../../../src/models/folder.ts';
import { Permission, ShareKind } from '../../../src/models/grant.ts';
import { NameCollision } from '../../../src/models/name-collision.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { fileOf, insert, seeded } from '../../support/listed-files.ts';
import { type FolderNode, folderNode, folderOf, pathsOf, someone } from '../../support/nodes/folder-node.ts';

const { FAIL, RENAME } = NameCollision;

let database: TestDatabase;
let node: FolderNode;
let ada: Viewer;
let bob: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  const { collections } = database;
  node = folderNode(collections);
  [ada, bob] = [await someone(collections), await someone(collections)];
});

const make = (name: string, parentId?: string, viewer = ada) =>
  node.folders.create(viewer, { name, parentId }, FAIL);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    ({ code, message }) => code ?? message,
  );
const grant = (target: ObjectId, permission: Permission, to = bob) =>
  database.collections.grants.create({
    ...{ userId: ada.userId, kind: ShareKind.FOLDER, target, grantee: to.userId },
    ...{ grantedBy: ada.userId, permission },
  });

describe('A name', () => {
  it('is given once among siblings, whatever its case, to one of 50 who ask at once', async () => {
    const asked = Array.from({ length: 50 }, (_, i) => codeOf(make(i % 2 ? 'Trip' : 'trip')));
    const codes = await Promise.all(asked);
    expect(codes.filter((code) => code === 'done')).toHaveLength(1);
    expect(codes.filter((code) => code === 'CONFLICT')).toHaveLength(49);
    await make('trip', (await make('elsewhere')).id);
  });

  it('is numbered for each of 50 who ask at once, without a gap, on two nodes', async () => {
    const nodes = [node, folderNode(database.collections)];
    const made = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        (nodes[i % 2] as FolderNode).folders.create(ada, { name: 'Trip' }, RENAME),
      ),
    );
    const wanted = ['Trip', ...Array.from({ length: 49 }, (_, i) => `Trip (${i + 2})`)];
    expect(made.map(({ name }) => name).sort()).toEqual(wanted.sort());
  });

  it('of 255 characters is shortened for its number', async () => {
    const name = '🙂'.repeat(255);
    await make(name);
    const second = await node.folders.create(ada, { name }, RENAME);
    expect(second.name).toBe(`${'🙂'.repeat(251)} (2)`);
    const renamed = await node.folders.rename(ada, (await make('b')).id, name, RENAME);
    expect(renamed.name).toBe(`${'🙂'.repeat(251)} (3)`);
  });
});

describe('A move', () => {
  it('puts a folder with everything below it elsewhere, and under itself it is refused', async () => {
    const [a, b] = [await make('a'), await make('b')];
    const c = await make('c', a.id);
    await make('d', c.id);
    await node.folders.move(ada, c.id, b.id, FAIL);
    expect(await pathsOf(database.collections, ada)).toEqual(['a', 'b', 'b/c', 'b/c/d']);
    for (const target of [b.id, c.id])
      expect(await codeOf(node.folders.move(ada, b.id, target, FAIL))).toBe('CONFLICT');
    await make('c', a.id);
    expect(await codeOf(node.folders.move(ada, c.id, a.id, FAIL))).toBe('CONFLICT');
    expect((await node.folders.move(ada, c.id, a.id, RENAME)).name).toBe('c (2)');
    expect((await node.folders.move(ada, c.id, 'root', FAIL)).parent).toBeNull();
  });

  it('never makes a circle, whoever moves what at the same time on two nodes', async () => {
    const nodes = [node, folderNode(database.collections)];
    const random = seeded(7);
    const all: Folder[] = [];
    for (let i = 0; i < 12; i += 1) {
      const parent = i > 0 && random() < 0.7 ? all[Math.floor(random() * i)] : undefined;
      all.push(await make(`f${i}`, parent?.id));
    }
    const one = () => all[Math.floor(random() * all.length)]?.id ?? '';
    const moves = Array.from({ length: 50 }, (_, i) =>
      codeOf((nodes[i % 2] as FolderNode).folders.move(ada, one(), one(), FAIL)),
    );
    const codes = await Promise.all(moves);
    expect(new Set(codes)).toEqual(new Set(['done', 'CONFLICT']));
    expect(await pathsOf(database.collections, ada)).toHaveLength(12);
  });

  it('of a folder far down looks at the whole way up', async () => {
    const chain = Array.from({ length: 100 }, (_, i) => folderOf(ada.userId, `f${i}`));
    chain.forEach((folder, i) => {
      folder.parent = chain[i - 1]?._id ?? null;
    });
    await database.collections.folders.collection.insertMany(chain as never);
    const [top, last] = [chain[0], chain[99]].map((folder) => String(folder?._id));
    expect(await codeOf(node.folders.move(ada, top ?? '', last ?? '', FAIL))).toBe('CONFLICT');
  });
});

describe('Others', () => {
  it('are told nothing of a folder, whatever they ask for', async () => {
    const [own, foreign] = [await make('own', undefined, bob), await make('foreign')];
    for (const id of [foreign.id, '0'.repeat(24), 'x', '', '../..', "' || 1"]) {
      const asked = [
        ...[node.folders.get(bob, id), node.folders.rename(bob, id, 'x', FAIL)],
        ...[node.folders.move(bob, id, null, FAIL), node.folders.move(bob, own.id, id, FAIL)],
        ...[node.folders.create(bob, { name: 'x', parentId: id }, FAIL), node.removals.delete(bob, id)],
        ...[node.removals.restore(bob, id), node.removals.purge(bob, id)],
        ...[node.listing.page(bob, id, false, {}), node.moves.move(bob, [own.id], id, FAIL)],
      ];
      expect(new Set(await Promise.all(asked.map(codeOf))), id).toEqual(new Set(['NOT_FOUND']));
    }
    expect(await pathsOf(database.collections, ada)).toEqual(['foreign']);
  });

  it('change and move what lies in a folder that they were given to edit, and nothing out of it', async () => {
    const [shared, secret] = [await make('shared'), await make('secret')];
    await grant(shared._id, Permission.EDIT);
    const inner = await make('inner', shared.id, bob);
    expect(inner.userId).toEqual(ada.userId);
    const other = await make('other', shared.id, bob);
    await node.folders.move(bob, other.id, inner.id, FAIL);
    await node.folders.rename(bob, inner.id, 'renamed', FAIL);
    const file = fileOf(ada.userId, 'a.txt', { folder: inner._id });
    await insert(database.collections, [file]);
    const id = file._id.toHexString();
    expect((await node.moves.move(bob, [id], shared.id, FAIL)).succeeded).toEqual([id]);
    expect(await codeOf(node.folders.move(bob, inner.id, null, FAIL))).toBe('FORBIDDEN');
    expect(await codeOf(node.folders.move(bob, shared.id, inner.id, FAIL))).toBe('FORBIDDEN');
    expect(await codeOf(node.folders.move(bob, inner.id, secret.id, FAIL))).toBe('NOT_FOUND');
    expect((await node.moves.move(bob, [id], null, FAIL)).failed[0]?.code).toBe('FORBIDDEN');
    await node.removals.delete(bob, inner.id);
    expect(await codeOf(node.removals.restore(bob, inner.id))).toBe('NOT_FOUND');
    expect(await codeOf(node.removals.purge(bob, shared.id))).toBe('FORBIDDEN');
    expect(await pathsOf(database.collections, ada)).toEqual(['secret', 'shared']);
  });

  it('who were given a file alone do not take it out of its folder', async () => {
    const [from, to] = [await make('from'), await make('to')];
    const file = fileOf(ada.userId, 'a.txt', { folder: from._id });
    await insert(database.collections, [file]);
    await grant(file._id, Permission.EDIT);
    await grant(to._id, Permission.EDIT);
    const { failed } = await node.moves.move(bob, [file._id.toHexString()], to.id, FAIL);
    expect(failed.map(({ code }) => code)).toEqual(['FORBIDDEN']);
  });

  it('who were given less than to edit look, and change nothing', async () => {
    const shared = await make('shared');
    const inner = await make('inner', shared.id);
    await grant(shared._id, Permission.DOWNLOAD);
    expect((await node.folders.get(bob, inner.id)).name).toBe('inner');
    expect(await codeOf(make('x', inner.id, bob))).toBe('FORBIDDEN');
    expect(await codeOf(node.removals.delete(bob, inner.id))).toBe('FORBIDDEN');
    expect(await node.listing.breadcrumbs(bob, inner)).toMatchObject([{ name: 'shared' }]);
    const page = await node.listing.page(bob, shared.id, false, {});
    expect(page.nodes.map(({ name }) => name)).toEqual(['inner']);
    expect((await node.listing.page(bob, shared.id, true, {})).nodes).toEqual([]);
  });
});

describe('Files that are moved', () => {
  const lay = async (names: readonly string[], folder: ObjectId | null) => {
    const files = names.map((name) => fileOf(ada.userId, name, { folder }));
    if (files.length > 0) await insert(database.collections, files);
    return files.map(({ _id }) => _id.toHexString());
  };
  const namesIn = async (folder: ObjectId) =>
    (await database.collections.files.find({ folder, isDeleted: false }).lean())
      .map(({ originalName }) => originalName)
      .sort();

  it('get a number before their extension where the name is taken, exactly under many moves at once', async () => {
    const to = await make('to');
    await lay(['a.tar.gz'], to._id);
    const ids = await lay(Array(40).fill('A.tar.gz'), null);
    const moves = ids.map((id) => node.moves.move(ada, [id], to.id, RENAME));
    const succeeded = (await Promise.all(moves)).flatMap((outcome) => outcome.succeeded);
    expect(succeeded).toHaveLength(40);
    const wanted = Array.from({ length: 40 }, (_, i) => `A.tar (${i + 2}).gz`);
    expect(await namesIn(to._id)).toEqual(['a.tar.gz', ...wanted].sort());
    expect(node.told.filter(({ kind }) => kind === 'UPDATED')).toHaveLength(40);
  });

  it('keep what they are called where they lie, and 1,000 of one name take 1,000 numbers', async () => {
    const to = await make('to');
    const ids = await lay(Array(1_000).fill('a'), null);
    const first = await node.moves.move(ada, ids, to.id, RENAME);
    expect([first.succeeded.length, first.failed.length]).toEqual([1_000, 0]);
    const names = await namesIn(to._id);
    expect(new Set(names).size).toBe(1_000);
    expect(names).toContain('a (1000)');
    await node.moves.move(ada, ids, to.id, RENAME);
    expect(await namesIn(to._id)).toEqual(names);
  });

  it('are each refused for what is wrong with it, while the others are moved', async () => {
    const to = await make('to');
    await lay(['taken.txt'], to._id);
    const [good = '', taken = '', trashed = '', expired = ''] = await lay(
      ['good.txt', 'taken.txt', 'trashed.txt', 'expired.txt'],
      null,
    );
    const foreign = fileOf(bob.userId, 'foreign.txt');
    await insert(database.collections, [foreign]);
    const { files } = database.collections;
    await files.updateOne({ _id: trashed }, { isDeleted: true });
    await files.updateOne({ _id: expired }, { expiryDate: new Date(0) });
    const ids = [good, taken, trashed, expired, foreign._id.toHexString(), 'x'];
    const { succeeded, failed } = await node.moves.move(ada, ids, to.id, FAIL);
    expect(succeeded).toEqual([good]);
    expect(failed.map(({ code }) => code)).toEqual([
      'CONFLICT',
      'CONFLICT',
      'GONE',
      'NOT_FOUND',
      'NOT_FOUND',
    ]);
    expect(await codeOf(node.moves.move(ada, [], to.id, FAIL))).toBe('BAD_USER_INPUT');
    expect(await codeOf(node.moves.move(ada, Array(1_001).fill(good), to.id, FAIL))).toBe('BAD_USER_INPUT');
  });
});
