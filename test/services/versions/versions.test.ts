import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { Permission } from '../../../src/models/grant.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { storageSummary } from '../../../src/services/files/storage-stats.ts';
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
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-versions-'));
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

describe('A file that is uploaded over', () => {
  it('has the new content, and what it had as its newest version', async () => {
    const { over, service, idle } = node();
    const file = await put(node() as never, owner, 'one');
    const second = await over(owner, file, Buffer.from('GIF89a and more'));
    await over(owner, file, '');
    expect(second).toMatchObject({ originalName: 'a.txt', fileSize: 15, mimeType: 'image/gif' });
    expect((await versionsOf(file)).map(({ fileSize }) => fileSize)).toEqual([15, 3]);
    expect(await service.get(owner, file.id)).toMatchObject({ fileSize: 0, downloadCount: 0 });
    const { totalBytes, versionBytes, storedBytes, totalFiles } = await storageSummary(
      database.collections.files,
      owner,
    );
    expect({ totalBytes, versionBytes, storedBytes, totalFiles }).toEqual({
      ...{ totalBytes: 0, versionBytes: 18, storedBytes: 18, totalFiles: 1 },
    });
    await idle();
    expect(await wrongs()).toEqual([]);
  });

  it('stays as it is where it has that content, where the hash is another, and where it lies in the trash', async () => {
    const { over, service, idle } = node();
    const file = await put(node() as never, owner, 'one');
    await over(owner, file, 'one');
    await expect(over(owner, file, 'two', '0'.repeat(64))).rejects.toEqual(code('HASH_MISMATCH'));
    await service.trash(owner, file.id);
    await expect(over(owner, file, 'two')).rejects.toEqual(code('NOT_FOUND'));
    expect(await versionsOf(file)).toEqual([]);
    await idle();
    expect(await wrongs()).toEqual([]);
  });

  it('loses none of 50 contents that come at once, each counted once', async () => {
    const { over, idle } = node(100);
    const file = await put(node() as never, owner, 'first');
    await Promise.all(Array.from({ length: 50 }, (_, i) => over(owner, file, `content ${i}`)));
    const hashes = (await versionsOf(file)).map(({ fileHash }) => fileHash);
    expect(new Set(hashes).size).toBe(50);
    await idle();
    expect(await wrongs()).toEqual([]);
  });

  it('keeps as many as are to be kept, the newest, or none', async () => {
    const file = await put(node() as never, owner, 'first');
    const few = node(3);
    await Promise.all(Array.from({ length: 20 }, (_, i) => few.over(owner, file, `content ${i}`)));
    expect(await versionsOf(file)).toHaveLength(3);
    await few.over(owner, file, 'last');
    const none = node(0);
    await none.over(owner, file, 'alone');
    expect(await versionsOf(file)).toEqual([]);
    await Promise.all([few.idle(), none.idle()]);
    expect(await wrongs()).toEqual([]);
    expect((await database.collections.users.findById(owner.userId))?.usedBytes).toBe(5);
  });

  it('needs room in the quota for every content it has, to the last byte', async () => {
    const { over, versions, idle } = node();
    const file = await put(node() as never, owner, '12345');
    await setQuota(owner, 10);
    await expect(over(owner, file, '123456')).rejects.toEqual(code('QUOTA_EXCEEDED'));
    await over(owner, file, 'abcde');
    await expect(over(owner, file, '1')).rejects.toEqual(code('QUOTA_EXCEEDED'));
    const [oldest] = await versionsOf(file);
    await versions.remove(owner, file.id, oldest?.id ?? '');
    await over(owner, file, 'fghij');
    await idle();
    expect(await wrongs()).toEqual([]);
  });

  it('is given up when its upload was taken for dead, and nothing is counted', async () => {
    const { versionUploads, sweep, idle } = node();
    const file = await put(node() as never, owner, 'one');
    const stream = new PassThrough();
    const incoming = { open: async () => ({ filename: 'x', mimeType: 'text/plain', stream }) };
    const upload = versionUploads.upload(owner, file.id, incoming, {}, new AbortController().signal);
    const refused = expect(upload).rejects.toEqual(code('CONFLICT'));
    stream.write('t'.repeat(20_000));
    const { files } = database.collections;
    while (!(await files.exists({ incomingContents: { $exists: true } }))) await new Promise(setImmediate);
    await sweep.step('uploads');
    stream.end();
    await refused;
    await idle();
    // What was reserved after it was taken for dead is found as that of no file.
    await sweep.step('claims');
    expect(await versionsOf(file)).toEqual([]);
    expect(await wrongs()).toEqual([]);
  });
});

describe('A version', () => {
  it('can be gone back to, and then what was there is the newest version', async () => {
    const { over, versions, service, idle } = node();
    const file = await put(node() as never, owner, 'one');
    await over(owner, file, 'two!');
    await over(owner, file, 'three');
    const [, first] = await versionsOf(file);
    const restored = await versions.restore(owner, file.id, first?.id ?? '');
    expect(restored.fileHash).toBe(file.fileHash);
    expect((await versionsOf(file)).map(({ fileSize }) => fileSize)).toEqual([5, 4]);
    await service.remove(owner, file.id);
    await idle();
    expect(await wrongs()).toEqual([]);
    expect((await database.collections.users.findById(owner.userId))?.usedBytes).toBe(0);
  });

  it('of another file, with a strange id, or of somebody else’s file is not found', async () => {
    const { over, versions, reader } = node();
    const [file, second] = [
      await put(node() as never, owner, 'one'),
      await put(node() as never, owner, 'own'),
    ];
    await over(owner, file, 'two');
    const [version] = await versionsOf(file);
    const id = version?.id ?? '';
    const notFound = code('NOT_FOUND');
    for (const strange of ['', '$ne', '0'.repeat(24), `${id}x`]) {
      await expect(versions.restore(owner, file.id, strange)).rejects.toEqual(notFound);
      await expect(versions.remove(owner, file.id, strange)).rejects.toEqual(notFound);
    }
    await expect(versions.restore(owner, second.id, id)).rejects.toEqual(notFound);
    await expect(versions.remove(owner, second.id, id)).rejects.toEqual(notFound);
    await expect(reader.asItWas(owner, second, id)).rejects.toEqual(notFound);
    for (const act of [versions.restore, versions.remove]) {
      await expect(act.call(versions, other, file.id, id)).rejects.toEqual(notFound);
    }
    await expect(over(other, file, 'mine')).rejects.toEqual(notFound);
  });

  it('is nothing to those who see the file but may not change it; who may, fills its owner’s quota', async () => {
    const { over, reader, idle } = node();
    const file = await put(node() as never, owner, 'secret');
    await over(owner, file, 'blackened');
    const [version] = await versionsOf(file);
    await database.collections.files.updateOne({ _id: file._id }, { $set: { isPublic: true } });
    const shown = { ...file, isPublic: true };
    const notFound = code('NOT_FOUND');
    await expect(reader.asItWas(null, shown, version?.id ?? '')).rejects.toEqual(notFound);
    await give(other, file, Permission.DOWNLOAD);
    await expect(reader.asItWas(other, shown, version?.id ?? '')).rejects.toEqual(notFound);
    await expect(over(other, file, 'mine')).rejects.toEqual(code('FORBIDDEN'));
    await database.collections.grants.updateOne({}, { $set: { permission: Permission.EDIT } });
    expect(await reader.asItWas(other, shown, version?.id ?? '')).toMatchObject({
      ...{ fileSize: 6, isPublic: false },
    });
    await over(other, file, 'by bob');
    await over(owner, file, 'by ann');
    expect((await versionsOf(file)).map(({ uploadedBy }) => String(uploadedBy))).toEqual(
      [other, owner, owner].map(({ userId }) => String(userId)),
    );
    await idle();
    expect(await wrongs()).toEqual([]);
  });

  it('is counted once, whatever happens to it and its file at the same time', async () => {
    const [kept, more] = [node(4), node(4)];
    for (let round = 0; round < 4; round += 1) {
      const file = await put(kept as never, owner, `start ${round}`);
      for (const content of ['a', 'bb', 'ccc']) await kept.over(owner, file, content);
      const ids = (await versionsOf(file)).map(({ id }) => id);
      const tried = [
        ...['dddd', 'a', 'eeeee', 'ffffff', 'bb'].map((content) => more.over(owner, file, content)),
        ...ids.map((id) => kept.versions.restore(owner, file.id, id)),
        ...ids.map((id) => more.versions.remove(owner, file.id, id)),
        ...ids.map((id) => kept.versions.remove(owner, file.id, id)),
        ...(round % 2 === 1 ? [more.service.remove(owner, file.id)] : []),
      ];
      await Promise.allSettled(tried);
    }
    await Promise.all([kept.idle(), more.idle()]);
    expect(await wrongs()).toEqual([]);
  });
});
