import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { Permission } from '../../../src/models/grant.ts';
import { NameCollision } from '../../../src/models/name-collision.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { checkNode } from '../../support/nodes/check-node.ts';
import { put, uploadNode } from '../../support/nodes/upload-node.ts';
import { miscounts, versionsOn } from '../../support/nodes/version-node.ts';

let database: TestDatabase;
let folder: string;
let store: BlobStore;
let owner: Viewer;
let other: Viewer;

const node = (kept = 10) => versionsOn(uploadNode(database, store), database, kept);

async function account(name: string, quotaBytes: number | null = null): Promise<Viewer> {
  const user = await database.collections.users.create({
    ...{ username: name, email: `${name}@example.org`, password: 'x', quotaBytes },
  });
  return { userId: user._id, sessionId: new ObjectId(), role: user.role, isEmailVerified: true };
}

beforeAll(async () => {
  database = await openTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-file-copies-'));
  store = await openLocalStore({ UPLOAD_PATH: folder });
});
beforeEach(async () => {
  const { users, files, blobs, grants } = database.collections;
  for (const collection of [users, files, blobs, grants]) await (collection as typeof files).deleteMany();
  for await (const { key } of store.list()) await store.delete(key);
  owner = await account('ann');
  other = await account('bob');
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const versionsOf = async (file: { id: string }) => (await node().reader.ofFiles([file.id]))[0] ?? [];
const code = (name: string) => expect.objectContaining({ code: name });

/** What a check of the storage finds, besides what the test itself counts. */
async function wrongs(): Promise<string[]> {
  const { brief } = await checkNode(database.collections, [store]).run();
  return [...(await miscounts(owner, database)), ...brief];
}

function setQuota({ userId }: Viewer, quotaBytes: number) {
  return database.collections.users.updateOne({ _id: userId }, { $set: { quotaBytes } });
}

function give(to: Viewer, file: StoredFile, permission: Permission) {
  return database.collections.grants.create({
    ...{ userId: owner.userId, target: file._id, kind: 'FILE', targetKind: 'FILE' },
    ...{ grantee: to.userId, grantedBy: owner.userId, permission },
  } as never);
}

describe('A copy', () => {
  it('is a file of its own with the same content, of which no byte is stored twice', async () => {
    const { over, copies, service, idle } = node();
    const file = await put(node() as never, owner, 'one');
    await over(owner, file, 'two');
    await service.update(owner, file.id, { tags: ['t'], description: 'd', isPublic: true });
    const copy = await copies.copy(owner, file.id, {});
    expect(copy).toMatchObject({
      ...{ originalName: 'a (2).txt', tags: ['t'], description: 'd', isPublic: false, downloadCount: 0 },
    });
    expect(await versionsOf(copy)).toEqual([]);
    expect(await database.collections.blobs.countDocuments()).toBe(2);
    await expect(copies.copy(owner, file.id, { onCollision: NameCollision.FAIL })).rejects.toEqual(
      code('CONFLICT'),
    );
    const names = await Promise.all([1, 2, 3].map(() => copies.copy(owner, file.id, { name: 'A.TXT' })));
    expect(names.map(({ originalName }) => originalName).sort()).toEqual(
      ['3', '4', '5'].map((number) => `A (${number}).TXT`),
    );
    await service.remove(owner, file.id);
    await idle();
    expect(await wrongs()).toEqual([]);
  });

  it('is refused without the right to the content, without room, and in the trash', async () => {
    const { copies, service, idle } = node();
    const file = await put(node() as never, owner, 'one');
    await expect(copies.copy(other, file.id, {})).rejects.toEqual(code('NOT_FOUND'));
    await give(other, file, Permission.VIEW);
    await expect(copies.copy(other, file.id, {})).rejects.toEqual(code('FORBIDDEN'));
    await expect(copies.copy(owner, file.id, { folderId: '0'.repeat(24) })).rejects.toEqual(
      code('NOT_FOUND'),
    );
    await setQuota(owner, 5);
    await expect(copies.copy(owner, file.id, {})).rejects.toEqual(code('QUOTA_EXCEEDED'));
    await setQuota(owner, 6);
    const copy = await copies.copy(owner, file.id, {});
    await service.trash(owner, copy.id);
    await expect(copies.copy(owner, copy.id, {})).rejects.toEqual(code('NOT_FOUND'));
    await idle();
    expect(await wrongs()).toEqual([]);
  });
});

describe('The check of the storage', () => {
  it('counts versions among the contents: a count that is wrong is found', async () => {
    const { over, idle } = node();
    const file = await put(node() as never, owner, 'one');
    await over(owner, file, 'two!');
    await idle();
    const { users, blobs } = database.collections;
    await users.updateOne({ _id: owner.userId }, { $inc: { usedBytes: 1 } });
    await blobs.updateOne({ size: 3 }, { $inc: { refCount: 1 } });
    const { run } = checkNode(database.collections, [store]);
    expect((await run({ repair: true })).brief).toEqual(['wrong-count repaired', 'wrong-count repaired']);
    expect(await wrongs()).toEqual([]);
  });
});
