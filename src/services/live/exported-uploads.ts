import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';

/** The uploads that the account’s clients gave names to in the last day, as an export tells them. */
export async function* namedUploadsOf(
  { uploadStates }: Pick<Collections, 'uploadStates'>,
  userId: ObjectId,
): AsyncGenerator<object> {
  for await (const state of uploadStates.find({ userId }, {}, { batchSize: 100 }).lean()) {
    const { clientUploadId, file, phase, receivedBytes, errorCode = null, updatedAt } = state;
    yield { clientUploadId, fileId: file, phase, receivedBytes, errorCode, updatedAt };
  }
}
