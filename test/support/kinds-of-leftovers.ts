import type { Collections } from '../../src/models/collections.ts';
import type { StoredFile } from '../../src/models/file.ts';
import { ObjectId } from '../../src/models/object-id.ts';

/** Leaves something for each step of a sweep, but for those that look into the stores. */
export async function leaveOfEachKind(
  { files, users, blobs, auditEvents }: Collections,
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
  const leftovers = [{ provider: 'local', location: site.folder, key: '1'.repeat(32), deleteAfter: past }];
  await blobs.collection.updateOne({}, { $set: { claims, leftovers } } as never);
  const gone = { username: 'gone', email: 'gone', isActive: false, deletedAt: past, usedBytes: 0 };
  await users.collection.insertOne(gone as never);
  await auditEvents.collection.insertOne({ _id: ObjectId.createFromTime(1) } as never);
}
