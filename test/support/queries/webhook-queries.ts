import type { Wired } from '../../../src/app/services.ts';
import { SealedText } from '../../../src/auth/sealed-text.ts';
import type { Collections } from '../../../src/models/collections.ts';
import { FileChangeKind } from '../../../src/models/file-change.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { webhookDeliveriesOf, webhooksOf } from '../../../src/services/webhooks/exported-webhooks.ts';
import { WebhookOutbox } from '../../../src/services/webhooks/webhook-outbox.ts';

/** Makes every query that webhooks make, with one that cannot be reached. */
export async function askWebhooks(
  { services: { webhooks, webhookPosts } }: Wired,
  collections: Collections,
  viewer: Viewer,
): Promise<void> {
  const outbox = new WebhookOutbox({
    collections,
    // Other secrets than those that sealed: nothing is sent.
    seals: new SealedText(['another secret'], 'webhooks'),
    rules: { allowPrivate: false },
    observer: { ended: () => undefined },
  });
  const events = [FileChangeKind.CREATED];
  const { webhook } = await webhooks.create(viewer, { url: 'http://127.0.0.1:9/', events });
  await webhooks.update(viewer, webhook.id, { description: 'told' });
  await webhooks.renewSecret(viewer, webhook.id);
  await webhooks.list(viewer);
  const file = { _id: new ObjectId(), owner: viewer.userId };
  const event = { kind: FileChangeKind.CREATED, file: file._id, owner: file.owner, folder: null };
  webhookPosts.told({ ...event, at: new Date() } as never);
  await webhookPosts.idle();
  await outbox.run(new AbortController().signal);
  await outbox.waiting();
  const first = await webhookPosts.page(webhook._id, { first: 1 });
  const [delivery] = first.nodes;
  await webhookPosts.page(webhook._id, { after: delivery && first.cursor(delivery) });
  await webhookPosts.repeat(viewer, delivery?.id ?? '');
  await webhookPosts.test(viewer, webhook.id);
  for await (const _ of webhooksOf(collections, viewer.userId));
  for await (const _ of webhookDeliveriesOf(collections, viewer.userId));
  await webhooks.remove(viewer, webhook.id);
}
