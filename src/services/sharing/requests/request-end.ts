import type { Collections } from '../../../models/collections.ts';
import type { ObjectId } from '../../../models/object-id.ts';
import type { UploadRequest } from '../../../models/upload-request.ts';

// As few at once as also a slow reader takes before the cursor ends.
const BATCH = { batchSize: 100 };

/** Removes upload requests that ended 30 days before this time; resolves with how many. */
export async function removeEndedRequests(
  { uploadRequests }: Pick<Collections, 'uploadRequests'>,
  now: Date,
): Promise<number> {
  return (await uploadRequests.deleteMany({ goneAfter: { $lt: now } })).deletedCount;
}

/** Removes the upload requests that an account made, and those for its folders. */
export async function removeRequestsOf(
  { uploadRequests }: Pick<Collections, 'uploadRequests'>,
  userId: ObjectId,
): Promise<void> {
  await uploadRequests.deleteMany({ userId });
  await uploadRequests.deleteMany({ createdBy: userId });
}

/** The upload requests that an account made, as an export tells them. */
export async function* requestsMadeBy(
  { uploadRequests }: Pick<Collections, 'uploadRequests'>,
  userId: ObjectId,
): AsyncGenerator<object> {
  const made = uploadRequests.find({ createdBy: userId }, {}, BATCH).sort({ _id: -1 }).hint('made_by');
  for await (const request of made.lean<UploadRequest[]>()) yield factsOf(request);
}

function factsOf(request: UploadRequest): object {
  const { _id, folder, note, expiresAt, maxFiles, maxFileSize, allowedTypes, files, revokedAt } = request;
  return {
    id: _id,
    folder,
    note: note ?? null,
    hasPassword: Boolean(request.passwordHash),
    expiresAt: expiresAt ?? null,
    maxFiles: maxFiles ?? null,
    maxFileSize: maxFileSize ?? null,
    allowedTypes,
    files,
    revokedAt: revokedAt ?? null,
    createdAt: request.createdAt,
  };
}
