import type { Collections } from '../../src/models/collections.ts';
import type { StoredFile } from '../../src/models/file.ts';
import { ObjectId } from '../../src/models/object-id.ts';
import { folderOf } from './nodes/folder-node.ts';

/** Leaves something for each step of a sweep, but for those that look into the stores. */
export async function leaveOfEachKind(
  { files, users, blobs, auditEvents, folders, shares, uploadRequests }: Collections,
  site: { upload(content: string): Promise<StoredFile>; userId: ObjectId; folder: string },
): Promise<void> {
  const past = new Date(Date.now() - 10 * 24 * 60 * 60 * 1000);
  const mark = async (name: string, update: object) =>
    files.collection.updateOne({ _id: (await site.upload(name))._id }, update);
  await mark('stale', {
    $set: { uploadStatus: 'UPLOADING', heartbeatAt: past, uploadKey: '0'.repeat(32) },
  });
  await mark('purging', { $set: { uploadStatus: 'FAILED', purgingAt: past } });
  await mark('expired', { $set: { expiryDate: past } });
  await mark('old trash', { $set: { isDeleted: true, deletedAt: new Date(1) } });
  await mark('lost', { $set: { uploadStatus: 'FAILED', lostAt: new Date(1) } });
  await blobs.collection.updateOne(
    { _id: (await site.upload('lost')).blob as never },
    { $set: { lostAt: past } },
  );
  const claims = [{ file: new ObjectId(), amount: 1, at: past }];
  await users.collection.updateOne({ _id: site.userId }, { $set: { claims } } as never);
  const version = { _id: new ObjectId(), blob: new ObjectId(), fileSize: 1, purgingAt: past };
  await mark('with a version that is being removed', { $set: { versions: [version] } });
  const leftovers = [{ provider: 'local', location: site.folder, key: '1'.repeat(32), deleteAfter: past }];
  await blobs.collection.updateOne({}, { $set: { claims, leftovers } } as never);
  const unfinished = folderOf(site.userId, 'unfinished');
  const old = folderOf(site.userId, 'old');
  await folders.collection.insertMany([
    { ...unfinished, isDeleted: true, isTrashRoot: true, trashedWith: unfinished._id, spreadingAt: past },
    { ...old, isDeleted: true, isTrashRoot: true, trashedWith: old._id, deletedAt: new Date(1) },
  ] as never);
  const gone = { username: 'gone', email: 'gone', isActive: false, deletedAt: past, usedBytes: 0 };
  await users.collection.insertOne(gone as never);
  await auditEvents.collection.insertOne({ _id: ObjectId.createFromTime(1) } as never);
  await shares.collection.insertOne({ tokenHash: 'ended', goneAfter: past } as never);
  await uploadRequests.collection.insertMany([
    { tokenHash: 'ended', goneAfter: past },
    { tokenHash: 'left', files: 1, maxFiles: 1, claims },
  ] as never);
}
