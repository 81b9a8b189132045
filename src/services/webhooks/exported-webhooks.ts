import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';

const BATCH = { batchSize: 100 };

/** The account’s webhooks, without their secrets, for its export. */
export async function* webhooksOf({ webhooks }: Collections, userId: ObjectId): AsyncGenerator<object> {
  for await (const webhook of webhooks.find({ userId }, {}, BATCH).hint('of_user').lean()) {
    const { _id, url, description = null, events, isActive, createdAt } = webhook;
    yield { id: _id, url, description, events, isActive, createdAt };
  }
}

/** What they were told, for its export. */
export async function* webhookDeliveriesOf(
  { webhookDeliveries }: Collections,
  userId: ObjectId,
): AsyncGenerator<object> {
  for await (const delivery of webhookDeliveries.find({ userId }, {}, BATCH).hint('of_user').lean()) {
    const { _id, webhook, event, status, tries, createdAt, triedAt = null, responseStatus = null } = delivery;
    yield { id: _id, webhook, event, status, tries, createdAt, triedAt, responseStatus };
  }
}
