import { SealedText } from '../../auth/sealed-text.ts';
import { Signer } from '../../auth/signatures.ts';
import { Every } from '../../jobs/every.ts';
import { SignedCursors } from '../../services/signed-cursors.ts';
import { WebhookOutbox } from '../../services/webhooks/webhook-outbox.ts';
import { WebhookPosts } from '../../services/webhooks/webhook-posts.ts';
import { WebhookService } from '../../services/webhooks/webhooks.ts';
import type { AuditedParts } from './parts.ts';

const LOOK_SECONDS = 2;

/** Wires webhooks; what happens is written down from now on, and delivered once they are started. */
export function createWebhooks(parts: AuditedParts) {
  const { config, collections, secrets, metrics, log, events, audit, limits } = parts;
  const seals = new SealedText(secrets, 'webhooks');
  let isStarted = false;
  const outbox = new WebhookOutbox({
    collections,
    seals,
    rules: { allowPrivate: config.WEBHOOK_PRIVATE_ADDRESSES === 'allow' },
    observer: { ended: (outcome) => metrics.webhookEnded(outcome) },
  });
  const every = new Every(
    LOOK_SECONDS,
    (signal) => outbox.run(signal),
    (err) => log.error({ err }, 'webhooks could not be looked after'),
  );
  const posts = new WebhookPosts({
    collections,
    cursors: new SignedCursors(new Signer(secrets, 'cursors of webhooks')),
    onError: (err) => log.error({ err }, 'an event could not be written down for webhooks'),
    wake: () => isStarted && every.now(),
  });
  metrics.gauge('webhook_deliveries_waiting', 'Messages to webhooks that are still to be delivered.', () =>
    outbox.waiting().catch(() => Number.NaN),
  );
  events.onEvent((event) => posts.told(event));
  return {
    services: { webhooks: new WebhookService({ collections, seals, audit, limits }), webhookPosts: posts },
    start() {
      isStarted = true;
      every.start();
    },
    async stop() {
      await posts.idle();
      await every.stop();
    },
  };
}
