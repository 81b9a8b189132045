import type { Collections } from '../../../models/collections.ts';
import type { Grant } from '../../../models/grant.ts';
import type { ObjectId } from '../../../models/object-id.ts';

// As few at once as also a slow reader takes before the cursor ends.
const BATCH = { batchSize: 100 };

/** What an account gave others, as an export tells it. */
export async function* grantsGivenBy(
  { grants }: Pick<Collections, 'grants'>,
  userId: ObjectId,
): AsyncGenerator<object> {
  const given = grants.find({ grantedBy: userId }, {}, BATCH).hint('by_giver').lean<Grant[]>();
  for await (const grant of given) yield { ...factsOf(grant), to: grant.grantee };
}

/** What an account was given by others, as an export tells it. */
export async function* grantsReceivedBy(
  { grants }: Pick<Collections, 'grants'>,
  userId: ObjectId,
): AsyncGenerator<object> {
  const received = grants.find({ grantee: userId }, {}, BATCH).sort({ _id: -1 }).hint('shared_with');
  for await (const grant of received.lean<Grant[]>()) yield { ...factsOf(grant), by: grant.grantedBy };
}

function factsOf({ _id, kind, target, permission, createdAt, updatedAt }: Grant): object {
  return { id: _id, kind, target, permission, createdAt, updatedAt };
}
