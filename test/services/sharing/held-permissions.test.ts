import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoredFile } from '../../../src/models/file.ts';
import type { Folder } from '../../../src/models/folder.ts';
import { Permission } from '../../../src/models/grant.ts';
import type { FileAction } from '../../../src/services/access.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { SharingStage } from '../../support/nodes/sharing-stage.ts';

const { VIEW, DOWNLOAD, EDIT, MANAGE } = Permission;
const ACTIONS: readonly FileAction[] = ['view', 'download', 'update', 'delete', 'share', 'own'];

/** The rules, in words of their own: what each permission allows, and what each lock takes away. */
const ALLOWS: Record<string, readonly FileAction[]> = {
  nothing: [],
  VIEW: ['view'],
  DOWNLOAD: ['view', 'download'],
  EDIT: ['view', 'download', 'update', 'delete'],
  MANAGE: ['view', 'download', 'update', 'delete', 'share'],
};
const TAKES_AWAY: Record<string, readonly FileAction[]> = {
  none: [],
  canView: ACTIONS,
  canDownload: ['download'],
  canShare: ['share'],
  canDelete: ['delete'],
};

let database: TestDatabase;
let stage: SharingStage;
let owner: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  stage = new SharingStage(database);
  owner = await stage.person();
});
afterAll(() => database.close());

const set = (file: StoredFile, changes: object) =>
  database.collections.files.updateOne({ _id: file._id }, { $set: changes });

async function allowedTo(viewer: Viewer | null, file: StoredFile): Promise<FileAction[]> {
  const stored = await stage.stored(file);
  const answers = await Promise.all(ACTIONS.map((action) => stage.access.may(viewer, action, stored)));
  return ACTIONS.filter((_, i) => answers[i]);
}

async function codeOf(viewer: Viewer, file: StoredFile, action: FileAction): Promise<string> {
  const outcome = stage.files.get(viewer, file._id.toHexString(), action);
  return outcome.then(
    () => 'done',
    (error) => error.code,
  );
}

/** Who was given something hears what they may not do; for whom it is not there, it is not there. */
function codeDue(allowed: readonly FileAction[], action: FileAction): string {
  if (allowed.includes(action)) return 'done';
  return allowed.includes('view') ? 'FORBIDDEN' : 'NOT_FOUND';
}

describe('A permission allows what it says', () => {
  const cases = Object.keys(ALLOWS).flatMap((held) =>
    ['the file', 'its folder', 'a folder further up'].map((via) => ({ held, via })),
  );

  it.each(cases)('$held on $via, less what the owner locked', async ({ held, via }) => {
    const person = await stage.person();
    const top = await stage.folder(owner);
    const middle = await stage.folder(owner, top);
    const file = await stage.file(owner, middle);
    const target = { 'the file': file, 'its folder': middle, 'a folder further up': top }[via] as StoredFile;
    if (held !== 'nothing') await stage.give(owner, target, person, held as Permission);
    for (const [lock, taken] of Object.entries(TAKES_AWAY)) {
      if (lock !== 'none') await set(file, { [`access.${lock}`]: false });
      const expected = (ALLOWS[held] ?? []).filter((action) => !taken.includes(action));
      expect(await allowedTo(person, file), lock).toEqual(expected);
      expect(await allowedTo(owner, file), lock).toEqual(ACTIONS);
      const codes = await Promise.all(ACTIONS.map((action) => codeOf(person, file, action)));
      expect(codes, lock).toEqual(ACTIONS.map((action) => codeDue(expected, action)));
      if (lock !== 'none') await set(file, { [`access.${lock}`]: true });
    }
  });

  it('and nothing once the file is in the trash, or below a folder that is', async () => {
    const person = await stage.person();
    const folder = await stage.folder(owner);
    const file = await stage.file(owner, folder);
    await stage.give(owner, file, person, MANAGE);
    await set(file, { isDeleted: true });
    expect(await allowedTo(person, file)).toEqual([]);
    expect(await codeOf(person, file, 'view')).toBe('NOT_FOUND');
    await set(file, { isDeleted: false });
    expect(await allowedTo(person, file)).toEqual(ALLOWS.MANAGE);
    await database.collections.folders.updateOne({ _id: folder._id }, { $set: { isDeleted: true } });
    expect(await allowedTo(person, file)).toEqual([]);
    expect(await allowedTo(owner, file)).toEqual(ACTIONS);
  });

  it('an expired file is GONE for whom might have it, and NOT_FOUND for others', async () => {
    const [person, stranger] = [await stage.person(), await stage.person()];
    const file = await stage.file(owner, null, { expiryDate: new Date(Date.now() - 1_000) });
    await stage.left(owner, file, person, VIEW);
    expect(await codeOf(person, file, 'view')).toBe('GONE');
    expect(await codeOf(person, file, 'download')).toBe('FORBIDDEN');
    expect(await codeOf(stranger, file, 'view')).toBe('NOT_FOUND');
  });

  it('strangers fetch a public file and do nothing else; locks hold against them and administrators too', async () => {
    const [stranger, person] = [await stage.person(), await stage.person()];
    const admin = { ...(await stage.person({ role: 'ADMIN' })), role: 'ADMIN' } as Viewer;
    const file = await stage.file(owner, null, { isPublic: true });
    await stage.give(owner, file, person, VIEW);
    for (const viewer of [null, stranger, admin, person]) {
      expect(await allowedTo(viewer, file)).toEqual(['view', 'download']);
    }
    expect(await codeOf(stranger, file, 'update')).toBe('NOT_FOUND');
    expect(await codeOf(admin, file, 'delete')).toBe('NOT_FOUND');
    expect(await codeOf(person, file, 'update')).toBe('FORBIDDEN');
    await set(file, { 'access.canDownload': false });
    for (const viewer of [null, stranger, admin, person])
      expect(await allowedTo(viewer, file)).toEqual(['view']);
    expect(await codeOf(stranger, file, 'download')).toBe('NOT_FOUND');
  });

  it('the most of several holds, wherever they are', async () => {
    const person = await stage.person();
    const folder = await stage.folder(owner);
    const file = await stage.file(owner, folder);
    await stage.give(owner, folder, person, EDIT);
    await stage.give(owner, file, person, VIEW);
    expect(await stage.held(person, file)).toBe(EDIT);
    expect(await stage.held(person, folder)).toBe(EDIT);
    expect(await stage.access.ofMany(person.userId, [folder, file, await stage.file(owner)])).toEqual([
      EDIT,
      EDIT,
      null,
    ]);
  });
});

describe('What somebody passed on is worth something only while they could give it now', () => {
  /** The owner lets ann manage a folder, ann lets bob manage the one in it, and bob lets carl see the file there. */
  async function chain() {
    const [ann, bob, carl] = [await stage.person(), await stage.person(), await stage.person()];
    const top: Folder = await stage.folder(owner);
    const inner = await stage.folder(owner, top);
    const file = await stage.file(owner, inner);
    await stage.give(owner, top, ann, MANAGE);
    await stage.give(ann, inner, bob, MANAGE);
    await stage.give(bob, file, carl, DOWNLOAD);
    const holds = async () => {
      const held = [await stage.held(ann, file), await stage.held(bob, file), await stage.held(carl, file)];
      return held.map((permission) => permission ?? 'nothing').join(' ');
    };
    expect(await holds()).toBe('MANAGE MANAGE DOWNLOAD');
    return { ann, bob, carl, top, inner, file, holds };
  }
  const usersSet = (who: Viewer, changes: object) =>
    database.collections.users.updateOne({ _id: who.userId }, { $set: changes });

  it('so it ends with their own permission, and comes back with it', async () => {
    const { ann, bob, top, holds } = await chain();
    expect(await stage.revoke(owner, top, ann)).toBe(true);
    expect(await holds()).toBe('nothing nothing nothing');
    await stage.give(owner, top, ann, MANAGE);
    expect(await holds()).toBe('MANAGE MANAGE DOWNLOAD');
    await stage.give(owner, top, bob, VIEW);
    await stage.revoke(owner, top, ann);
    expect(await holds()).toBe('nothing VIEW nothing');
  });

  it('so it ends when they are given less', async () => {
    const { ann, top, inner, bob, holds } = await chain();
    await stage.give(owner, top, ann, EDIT);
    expect(await holds()).toBe('EDIT nothing nothing');
    await stage.give(owner, top, ann, MANAGE);
    await stage.give(ann, inner, bob, EDIT);
    expect(await holds()).toBe('MANAGE EDIT nothing');
  });

  it('so it rests while they, or the owner, are shut out, and is over once they are deleted', async () => {
    const { ann, bob, holds } = await chain();
    await usersSet(bob, { isActive: false });
    expect(await holds()).toBe('MANAGE MANAGE nothing');
    await usersSet(ann, { isActive: false });
    expect(await holds()).toBe('MANAGE nothing nothing');
    await usersSet(ann, { isActive: true });
    await usersSet(bob, { isActive: true });
    await usersSet(owner, { isActive: false });
    expect(await holds()).toBe('nothing nothing nothing');
    await usersSet(owner, { isActive: true });
    expect(await holds()).toBe('MANAGE MANAGE DOWNLOAD');
    await usersSet(bob, { deletedAt: new Date() });
    expect(await holds()).toBe('MANAGE MANAGE nothing');
  });

  it('so it ends when what it is on leaves the folder that they manage', async () => {
    const { inner, file, bob, carl, holds } = await chain();
    await set(file, { folder: null });
    expect(await holds()).toBe('nothing nothing nothing');
    await set(file, { folder: inner._id });
    await database.collections.folders.updateOne({ _id: inner._id }, { $set: { parent: null } });
    expect(await holds()).toBe('nothing nothing nothing');
    await stage.give(owner, file, bob, MANAGE);
    expect(await stage.held(carl, file)).toBe(DOWNLOAD);
  });

  it('so it ends on a file that the owner locked against sharing, but for what was shared of its folder', async () => {
    const { ann, file, top, holds } = await chain();
    const dora = await stage.person();
    await stage.give(ann, top, dora, VIEW);
    await set(file, { 'access.canShare': false });
    expect(await holds()).toBe('MANAGE MANAGE nothing');
    expect(await stage.held(dora, file)).toBe(VIEW);
  });

  it('so nobody gives above the folder that they manage', async () => {
    const { bob, carl, top, inner, file } = await chain();
    await stage.left(bob, top, carl, MANAGE);
    expect(await stage.held(carl, top)).toBeNull();
    expect(await stage.held(carl, inner)).toBeNull();
    expect(await stage.held(carl, file)).toBe(DOWNLOAD);
  });

  it('so people who gave to each other hold nothing by that alone', async () => {
    const [ann, bob, carl] = [await stage.person(), await stage.person(), await stage.person()];
    const file = await stage.file(owner);
    await stage.give(owner, file, ann, MANAGE);
    await stage.give(ann, file, bob, MANAGE);
    await stage.give(bob, file, ann, MANAGE);
    await stage.give(bob, file, carl, MANAGE);
    await stage.give(carl, file, bob, MANAGE);
    await stage.revoke(owner, file, ann);
    for (const person of [ann, bob, carl]) expect(await stage.held(person, file)).toBeNull();
  });

  it('and what was given on something of another owner’s is worth nothing', async () => {
    const [ann, carl, next] = [await stage.person(), await stage.person(), await stage.person()];
    const file = await stage.file(owner);
    await stage.give(owner, file, ann, MANAGE);
    await stage.give(ann, file, carl, VIEW);
    await set(file, { userId: next.userId });
    expect(await stage.held(ann, file)).toBeNull();
    expect(await stage.held(carl, file)).toBeNull();
    expect(await stage.held(owner, file)).toBeNull();
  });
});
