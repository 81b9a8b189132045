import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import { ObjectId, parseId } from '../../models/object-id.ts';
import { DeliveryStatus, type WebhookDelivery } from '../../models/webhook-delivery.ts';
import { type ForwardPage, type ForwardRequest, pageSize } from '../forward-page.ts';
import type { FileEvent } from '../live/file-events.ts';
import type { SignedCursors } from '../signed-cursors.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';

const LIST = 'webhookDeliveries';

/** What is to be told to webhooks: written down when it happens, and read by their owners ever after. */
export class WebhookPosts {
  private readonly webhooks: Collections['webhooks'];
  private readonly deliveries: Collections['webhookDeliveries'];
  private readonly cursors: SignedCursors;
  private readonly onError: (error: unknown) => void;
  private readonly wake: () => void;
  private readonly writing = new Set<Promise<void>>();

  /** `wake` is called once something is to be delivered, `onError` when an event could not be written down. */
  constructor(parts: {
    collections: Pick<Collections, 'webhooks' | 'webhookDeliveries'>;
    cursors: SignedCursors;
    onError: (error: unknown) => void;
    wake: () => void;
  }) {
    this.webhooks = parts.collections.webhooks;
    this.deliveries = parts.collections.webhookDeliveries;
    this.cursors = parts.cursors;
    this.onError = parts.onError;
    this.wake = parts.wake;
  }

  /** Writes an event down for each of its owner’s webhooks that wants it; nobody waits for it. */
  told(event: FileEvent): void {
    const writing = this.write(event)
      .catch(this.onError)
      .finally(() => this.writing.delete(writing));
    this.writing.add(writing);
  }

  /** Resolves once everything that was told is written down. */
  async idle(): Promise<void> {
    while (this.writing.size > 0) await Promise.all(this.writing);
  }

  /** Writes down a message that tells nothing, to try the webhook; NOT_FOUND unless it is the viewer’s. */
  async test(viewer: Viewer, id: string): Promise<WebhookDelivery> {
    const _id = parseId(id);
    const webhook = _id && (await this.webhooks.findOne({ _id, userId: viewer.userId }, { _id: 1 }).lean());
    if (!webhook) throw noWebhook();
    const now = new Date();
    const payload = JSON.stringify({ type: 'webhook.test', timestamp: now.toISOString(), data: {} });
    return this.insert({ userId: viewer.userId, webhook: webhook._id, event: null, payload, dueAt: now });
  }

  /** Delivers what one of the viewer’s webhooks was told once more, under the same id. */
  async repeat(viewer: Viewer, id: string): Promise<WebhookDelivery> {
    const _id = parseId(id);
    const again = { status: DeliveryStatus.PENDING, dueAt: new Date(), tries: 0 };
    const changed =
      _id &&
      (await this.deliveries
        .findOneAndUpdate({ _id, userId: viewer.userId }, { $set: again }, { returnDocument: 'after' })
        .lean());
    if (!changed) throw new AppError('NOT_FOUND', 'There is no such delivery.');
    this.wake();
    return withId(changed);
  }

  /** What one webhook was told, the newest first. Whose it is has been asked before. */
  async page(webhook: ObjectId, request: ForwardRequest): Promise<ForwardPage<WebhookDelivery>> {
    const size = pageSize(request.first);
    const list = `${LIST} ${webhook.toHexString()}`;
    const place = this.cursors.decode(list, request.after);
    const found = await this.deliveries
      .find({ webhook, ...(place && { _id: { $lt: parseId(place[0]) } }) } as never)
      .sort({ _id: -1 })
      .limit(size + 1)
      .hint('of_webhook')
      .lean();
    return {
      nodes: found.slice(0, size).map(withId),
      hasNextPage: found.length > size,
      hasPreviousPage: place !== null,
      cursor: ({ id }) => this.cursors.encode(list, [id]),
    };
  }

  private async write({ kind, file, owner, folder, at }: FileEvent): Promise<void> {
    const hearing = await this.webhooks
      .find({ userId: owner, isActive: true, events: kind }, { _id: 1 })
      .hint('of_user')
      .lean();
    if (hearing.length === 0) return;
    const payload = JSON.stringify({
      type: `file.${kind.toLowerCase()}`,
      timestamp: at.toISOString(),
      data: { fileId: file.toHexString(), folderId: folder?.toHexString() ?? null },
    });
    for (const { _id: webhook } of hearing)
      await this.insert({ userId: owner, webhook, event: kind, payload, dueAt: at });
  }

  private async insert(
    facts: Pick<WebhookDelivery, 'userId' | 'webhook' | 'event' | 'payload'> & { dueAt: Date },
  ): Promise<WebhookDelivery> {
    const made = await this.deliveries.create({
      _id: new ObjectId(),
      ...facts,
      status: DeliveryStatus.PENDING,
      tries: 0,
    });
    this.wake();
    return withId(made.toObject());
  }
}

const noWebhook = () => new AppError('NOT_FOUND', 'There is no such webhook.');
