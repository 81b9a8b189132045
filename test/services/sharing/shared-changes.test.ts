import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoredFile } from '../../../src/models/file.ts';
import { Permission } from '../../../src/models/grant.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { SharingStage } from '../../support/nodes/sharing-stage.ts';

const { EDIT, MANAGE } = Permission;

let database: TestDatabase;
let stage: SharingStage;
let owner: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  stage = new SharingStage(database);
  owner = await stage.person();
});
afterAll(() => database.close());

describe('A change takes', () => {
  const change = (viewer: Viewer, file: StoredFile & { id: string }, changes: object) =>
    stage.files.update(viewer, file.id, changes).then(
      () => 'done',
      (error) => error.code,
    );

  it('EDIT for what is said of a file, MANAGE to make it public, and the owner to lock it', async () => {
    const file = await stage.file(owner);
    const [editor, manager] = [await stage.person(), await stage.person()];
    await stage.give(owner, file, editor, EDIT);
    await stage.give(owner, file, manager, MANAGE);
    const changes = [
      { description: 'new' },
      { expiryDate: new Date(Date.now() + 60_000) },
      { isPublic: true },
      { access: { canDelete: false } },
    ];
    const outcomes = async (who: Viewer) => {
      const codes = [];
      for (const each of changes) codes.push(await change(who, file, each));
      return codes;
    };
    expect(await outcomes(editor)).toEqual(['done', 'done', 'FORBIDDEN', 'FORBIDDEN']);
    expect(await outcomes(manager)).toEqual(['done', 'done', 'done', 'FORBIDDEN']);
    expect(await outcomes(owner)).toEqual(['done', 'done', 'done', 'done']);
    expect(await stage.stored(file)).toMatchObject({
      isPublic: true,
      access: { canView: true, canDownload: true, canShare: true, canDelete: false },
    });
    expect(await outcomes(manager)).toEqual(['done', 'FORBIDDEN', 'done', 'FORBIDDEN']);
    expect(await change(owner, file, { access: { canShare: false } })).toBe('done');
    expect(await outcomes(manager)).toEqual(['done', 'FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN']);
    expect(await change(manager, file, { description: 'newer', access: {} })).toBe('FORBIDDEN');
    expect((await stage.stored(file)).description).toBe('new');
  });

  it('EDIT to put it into the owner’s trash, and the owner to take it out or remove it', async () => {
    const file = await stage.file(owner);
    const [editor, manager] = [await stage.person(), await stage.person()];
    await stage.give(owner, file, editor, EDIT);
    await stage.give(owner, file, manager, MANAGE);
    await expect(stage.files.remove(manager, file.id)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect((await stage.files.trash(editor, file.id)).userId).toEqual(owner.userId);
    expect(stage.acts.at(-1)).toMatchObject({ action: 'FILE_DELETED', subject: owner.userId });
    for (const who of [editor, manager]) {
      await expect(stage.files.restore(who, file.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    expect((await stage.files.restore(owner, file.id)).isDeleted).toBe(false);
  });
});
