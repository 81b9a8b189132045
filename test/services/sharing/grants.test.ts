import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditAction } from '../../../src/models/audit-event.ts';
import { Permission, ShareKind } from '../../../src/models/grant.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { removeRemains } from '../../../src/services/accounts/account-remains.ts';
import { grantsGivenBy, grantsReceivedBy } from '../../../src/services/sharing/people/exported-grants.ts';
import { MOST_GRANTS } from '../../../src/services/sharing/people/grants.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { named, SharingStage } from '../../support/nodes/sharing-stage.ts';

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

const refusal = (work: Promise<unknown>): Promise<{ code?: string; message?: string }> =>
  work.then(
    () => ({}),
    ({ code, message }) => ({ code, message }),
  );
const codeOf = async (work: Promise<unknown>) => (await refusal(work)).code;

describe('Giving', () => {
  it('is for the owner and who holds MANAGE; FORBIDDEN for who holds less, NOT_FOUND for strangers', async () => {
    const friend = await stage.person();
    const file = await stage.file(owner, null, { isPublic: true });
    expect(await codeOf(stage.give(await stage.person(), file, friend, VIEW))).toBe('NOT_FOUND');
    for (const held of [VIEW, DOWNLOAD, EDIT]) {
      const person = await stage.person();
      await stage.give(owner, file, person, held);
      expect(await codeOf(stage.give(person, file, friend, VIEW)), held).toBe('FORBIDDEN');
    }
    const manager = await stage.person();
    await stage.give(owner, file, manager, MANAGE);
    expect((await stage.give(manager, file, friend, MANAGE)).isInForce).toBe(true);
    expect(await codeOf(stage.give(owner, { ...file, _id: new ObjectId() }, friend, VIEW))).toBe('NOT_FOUND');
  });

  it('again changes what was given, as one grant, also at the same moment', async () => {
    const friend = await stage.person();
    const folder = await stage.folder(owner);
    await Promise.all([VIEW, EDIT, MANAGE, VIEW].map((each) => stage.give(owner, folder, friend, each)));
    const { id } = await stage.give(owner, folder, friend, DOWNLOAD);
    const stored = await database.collections.grants.find({ target: folder._id }).lean();
    expect(stored.map(({ _id, permission }) => [String(_id), permission])).toEqual([[id, DOWNLOAD]]);
  });

  it('to oneself or the owner is BAD_USER_INPUT, and so are both or neither of two ways to name', async () => {
    const manager = await stage.person();
    const file = await stage.file(owner);
    await stage.give(owner, file, manager, MANAGE);
    expect(await codeOf(stage.give(owner, file, owner, VIEW))).toBe('BAD_USER_INPUT');
    expect(await codeOf(stage.give(manager, file, owner, VIEW))).toBe('BAD_USER_INPUT');
    expect(await codeOf(stage.give(manager, file, manager, VIEW))).toBe('BAD_USER_INPUT');
    const give = (input: object) => codeOf(stage.grants.give(owner, { permission: VIEW, ...input }));
    const user = manager.name;
    expect(await give({ user })).toBe('BAD_USER_INPUT');
    expect(await give({ fileId: file.id, folderId: file.id, user })).toBe('BAD_USER_INPUT');
    expect(await give({ fileId: file.id })).toBe('BAD_USER_INPUT');
    expect(await give({ fileId: file.id, user, userId: String(manager.userId) })).toBe('BAD_USER_INPUT');
    expect(await give({ fileId: 'x', user })).toBe('NOT_FOUND');
    expect(await give({ fileId: file.id, user })).toBeUndefined();
  });

  it('needs a verified address where the service does', async () => {
    const strict = new SharingStage(database, { needsVerifiedEmail: true });
    const [file, friend] = [await stage.file(owner), await stage.person()];
    expect(await codeOf(strict.give(owner, file, friend, VIEW))).toBe('FORBIDDEN');
    expect(
      await codeOf(strict.give({ ...owner, isEmailVerified: true }, file, friend, VIEW)),
    ).toBeUndefined();
  });

  it('ends at so many people', async () => {
    const file = await stage.file(owner);
    const many = Array.from({ length: MOST_GRANTS }, () => ({
      ...{ userId: owner.userId, grantedBy: owner.userId, target: file._id },
      ...{ kind: ShareKind.FILE, grantee: new ObjectId(), permission: VIEW },
    }));
    await database.collections.grants.insertMany(many);
    expect(await codeOf(stage.give(owner, file, await stage.person(), VIEW))).toBe('CONFLICT');
  });

  it('is told and recorded, of whom and to whom', async () => {
    const [file, friend] = [await stage.file(owner), await stage.person()];
    await stage.give(owner, file, friend, EDIT);
    expect(stage.told.at(-1)).toEqual(file._id);
    expect(stage.acts.at(-1)).toMatchObject({
      action: AuditAction.ACCESS_GRANTED,
      by: { userId: owner.userId },
      subject: friend.userId,
      target: file._id,
      details: { kind: 'file', permission: EDIT },
    });
    await stage.revoke(owner, file, friend);
    expect(stage.acts.at(-1)).toMatchObject({ action: AuditAction.ACCESS_REVOKED, subject: friend.userId });
    expect(stage.told.filter((id) => id.equals(file._id))).toHaveLength(2);
  });
});

describe('Naming people', () => {
  const give = async (user: string) =>
    stage.grants.give(owner, { fileId: (await stage.file(owner)).id, user, permission: VIEW });

  it('works by username whatever its case, and by an address that its account verified', async () => {
    const ann = await stage.person({ isEmailVerified: true });
    expect((await give(` ${ann.name.toUpperCase()}`)).grantee).toEqual(ann.userId);
    expect((await give(`${ann.name.toUpperCase()}@example.org`)).grantee).toEqual(ann.userId);
  });

  it('tells nothing apart that is not there, shut out, deleted or not verified', async () => {
    const off = await stage.person({ isActive: false, isEmailVerified: true });
    const gone = await stage.person({ deletedAt: new Date(), isEmailVerified: true });
    const claimed = await stage.person();
    const nobody = 'nobody_here';
    const names = [nobody, off.name, gone.name, 'no username at all', ''];
    const addresses = [nobody, off.name, gone.name, claimed.name].map((name) => `${name}@example.org`);
    const answers = await Promise.all([...names, ...addresses].map((name) => refusal(give(name))));
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(
      new Set([
        JSON.stringify({ code: 'NOT_FOUND', message: 'There is nobody of this name to share with.' }),
      ]),
    );
  });

  it('costs more of the limit by an address, whether it is anybody’s or not', async () => {
    const ann = await stage.person({ isEmailVerified: true });
    stage.spent.length = 0;
    await give(ann.name);
    await give(`${ann.name}@example.org`);
    await refusal(give('nobody@example.org'));
    expect(stage.spent).toEqual([
      ['sharing', 1],
      ['sharing', 15],
      ['sharing', 15],
    ]);
  });
});

describe('Taking back', () => {
  it('takes everybody’s grants for the owner, and one’s own for a manager', async () => {
    const [ann, bob, carl] = [await stage.person(), await stage.person(), await stage.person()];
    const file = await stage.file(owner);
    for (const manager of [ann, bob]) await stage.give(owner, file, manager, MANAGE);
    await stage.give(ann, file, carl, EDIT);
    await stage.give(bob, file, carl, VIEW);
    expect(await stage.revoke(ann, file, carl)).toBe(true);
    expect(await stage.held(carl, file)).toBe(VIEW);
    expect(await codeOf(stage.revoke(ann, file, carl))).toBe('FORBIDDEN');
    expect(await codeOf(stage.revoke(ann, file, bob))).toBe('FORBIDDEN');
    expect(await stage.revoke(ann, file, await stage.person())).toBe(false);
    await stage.give(ann, file, carl, EDIT);
    expect(await stage.revoke(owner, file, carl)).toBe(true);
    expect(await stage.held(carl, file)).toBeNull();
    expect(await stage.revoke(owner, file, carl)).toBe(false);
  });

  it('tells who may not share nothing of what others hold', async () => {
    const [reader, other] = [await stage.person(), await stage.person()];
    const file = await stage.file(owner);
    await stage.give(owner, file, reader, EDIT);
    const before = await refusal(stage.revoke(reader, file, other));
    await stage.give(owner, file, other, EDIT);
    expect(await refusal(stage.revoke(reader, file, other))).toEqual(before);
    expect(before.code).toBe('FORBIDDEN');
    expect(await codeOf(stage.revoke(await stage.person(), file, other))).toBe('NOT_FOUND');
  });

  it('ends what the person, and who had it from them, have on its way at once', async () => {
    const [ann, bob] = [await stage.person(), await stage.person()];
    const file = await stage.file(owner);
    await stage.give(owner, file, ann, MANAGE);
    await stage.give(ann, file, bob, VIEW);
    const streams = [ann, bob].map((who) => {
      const stream = new Readable({ read: () => undefined });
      const stillMay = () => stage.files.get(who, file.id).then(() => true);
      stage.watch.stream(String(who.userId), stream, stillMay);
      return stream;
    });
    await stage.revoke(owner, file, ann);
    await expect.poll(() => streams.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  it('may be done by who was given it, for themselves', async () => {
    const [ann, bob] = [await stage.person(), await stage.person()];
    const file = await stage.file(owner);
    await stage.give(owner, file, ann, MANAGE);
    await stage.give(owner, file, bob, MANAGE);
    await stage.give(bob, file, ann, VIEW);
    expect(await stage.grants.leave(ann, named(file))).toBe(true);
    expect(await stage.held(ann, file)).toBeNull();
    expect(await stage.grants.leave(ann, named(file))).toBe(false);
    expect(await stage.held(bob, file)).toBe(MANAGE);
  });
});

describe('What goes with whom', () => {
  it('a deleted account takes the grants on its things, those it gave and those it was given with it', async () => {
    const [ann, bob] = [await stage.person(), await stage.person()];
    const things = [await stage.file(ann), await stage.file(owner), await stage.file(owner)] as const;
    await stage.left(bob, things[0], owner, VIEW);
    await stage.left(ann, things[1], bob, VIEW);
    await stage.left(owner, things[1], ann, VIEW);
    await stage.left(owner, things[2], bob, VIEW);
    await removeRemains(database.collections, ann.userId);
    const target = { $in: things.map(({ _id }) => _id) };
    const left = await database.collections.grants.find({ target }).lean();
    expect(left.map((grant) => String(grant.target))).toEqual([String(things[2]._id)]);
  });

  it('a file that is removed for good takes its grants with it', async () => {
    const [file, friend] = [await stage.file(owner), await stage.person()];
    await stage.give(owner, file, friend, VIEW);
    await stage.files.remove(owner, file.id);
    expect(await database.collections.grants.countDocuments({ target: file._id })).toBe(0);
  });

  it('an export tells what was given and received, to and by whom', async () => {
    const [ann, bob] = [await stage.person(), await stage.person()];
    const [file, folder] = [await stage.file(ann), await stage.folder(bob)];
    await stage.give(ann, file, bob, EDIT);
    await stage.give(bob, folder, ann, VIEW);
    const given = await Array.fromAsync(grantsGivenBy(database.collections, ann.userId));
    const received = await Array.fromAsync(grantsReceivedBy(database.collections, ann.userId));
    expect(given).toMatchObject([{ kind: 'FILE', target: file._id, permission: EDIT, to: bob.userId }]);
    expect(received).toMatchObject([
      { kind: 'FOLDER', target: folder._id, permission: VIEW, by: bob.userId },
    ]);
  });
});
