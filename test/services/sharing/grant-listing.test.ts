import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Permission, ShareKind } from '../../../src/models/grant.ts';
import type { ShownGrant } from '../../../src/services/sharing/people/grants.ts';
import type { SharedThing } from '../../../src/services/sharing/people/shared-things.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { SharingStage } from '../../support/nodes/sharing-stage.ts';

const { VIEW, DOWNLOAD, EDIT, MANAGE } = Permission;

let database: TestDatabase;
let stage: SharingStage;
let owner: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  stage = new SharingStage(database);
  owner = await stage.person();
});
afterAll(() => database.close());

const shared = (who: Viewer, kind: ShareKind | null = null, request = {}) =>
  stage.listing.sharedWith(who, kind, request);
const items = (grants: readonly ShownGrant[]) => grants.map(({ item }) => String(item._id));
const ids = (...things: SharedThing[]) => things.map(({ _id }) => String(_id));

describe('What was shared with somebody', () => {
  it('is listed newest first, and by kind where that is asked', async () => {
    const ann = await stage.person();
    const [file, folder] = [await stage.file(owner), await stage.folder(owner)];
    await stage.give(owner, file, ann, VIEW);
    await stage.give(owner, folder, ann, EDIT);
    const { nodes } = await shared(ann);
    expect(items(nodes)).toEqual(ids(folder, file));
    expect(nodes[0]).toMatchObject({ permission: EDIT, grantedBy: owner.userId, isInForce: true });
    expect(items((await shared(ann, ShareKind.FILE)).nodes)).toEqual(ids(file));
    expect(items((await shared(ann, ShareKind.FOLDER)).nodes)).toEqual(ids(folder));
    expect((await shared(owner)).nodes).toEqual([]);
  });

  it('is there once, with the strongest grant on it', async () => {
    const [ann, manager] = [await stage.person(), await stage.person()];
    const file = await stage.file(owner);
    await stage.give(owner, file, manager, MANAGE);
    await stage.give(owner, file, ann, EDIT);
    await stage.give(manager, file, ann, DOWNLOAD);
    expect((await shared(ann)).nodes).toMatchObject([{ permission: EDIT }]);
    await stage.revoke(owner, file, manager);
    await stage.give(owner, file, ann, VIEW);
    expect((await shared(ann)).nodes).toMatchObject([{ permission: VIEW, grantedBy: owner.userId }]);
  });

  it('is not there while it may not be seen: trashed, expired, locked, or by somebody who could not give it now', async () => {
    const [ann, manager] = [await stage.person(), await stage.person()];
    const folder = await stage.folder(owner);
    const [trashed, expired, locked] = [
      await stage.file(owner, null, { isDeleted: true }),
      await stage.file(owner, null, { expiryDate: new Date(0) }),
      await stage.file(owner, null, {
        access: { canView: false, canDownload: true, canShare: true, canDelete: true },
      }),
    ];
    for (const thing of [trashed, expired, locked]) await stage.left(owner, thing, ann, VIEW);
    await stage.left(manager, folder, ann, VIEW);
    expect((await shared(ann)).nodes).toEqual([]);
    await stage.give(owner, folder, manager, MANAGE);
    expect(items((await shared(ann)).nodes)).toEqual(ids(folder));
  });

  it('is paged by key, past what may not be seen, however many that is', async () => {
    const ann = await stage.person();
    const files = [];
    for (let i = 0; i < 130; i += 1) {
      const file = await stage.file(owner, null, { isDeleted: i % 65 !== 0 });
      await stage.left(owner, file, ann, VIEW);
      if (i % 65 === 0) files.unshift(file);
    }
    const first = await shared(ann, null, { first: 1 });
    expect([items(first.nodes), first.hasNextPage]).toEqual([ids(files[0] as SharedThing), true]);
    const after = first.cursor(first.nodes[0] as ShownGrant);
    const second = await shared(ann, null, { first: 1, after });
    expect([items(second.nodes), second.hasNextPage]).toEqual([ids(files[1] as SharedThing), false]);
    expect(second.hasPreviousPage).toBe(true);
    const foreign = shared(ann, ShareKind.FILE, { after });
    await expect(foreign).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});

describe('Who was given what on a thing', () => {
  const on = (viewer: Viewer | null, thing: SharedThing, request = {}) =>
    stage.listing.on(viewer, thing, request);

  it('is told to the owner and who holds MANAGE, and to nobody else', async () => {
    const [manager, editor] = [await stage.person(), await stage.person()];
    const file = await stage.file(owner, null, { isPublic: true });
    await stage.give(owner, file, manager, MANAGE);
    await stage.give(owner, file, editor, EDIT);
    for (const viewer of [owner, manager]) expect((await on(viewer, file))?.nodes).toHaveLength(2);
    for (const viewer of [editor, await stage.person(), null]) expect(await on(viewer, file)).toBeNull();
  });

  it('says which grants are not in force, and is paged', async () => {
    const [manager, ann] = [await stage.person(), await stage.person()];
    const folder = await stage.folder(owner);
    await stage.left(manager, folder, ann, VIEW);
    await stage.give(owner, folder, ann, EDIT);
    const all = (await on(owner, folder))?.nodes ?? [];
    const inForce = (grants: readonly ShownGrant[]) =>
      Object.fromEntries(grants.map(({ permission, isInForce }) => [permission, isInForce]));
    expect(inForce(all)).toEqual({ VIEW: false, EDIT: true });
    const walked: ShownGrant[] = [];
    for (let after: string | null = null; ; ) {
      const page = await on(owner, folder, { first: 1, after });
      walked.push(...(page?.nodes ?? []));
      if (!page?.hasNextPage) break;
      after = page.cursor(page.nodes[0] as ShownGrant);
    }
    expect(walked.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
  });
});
