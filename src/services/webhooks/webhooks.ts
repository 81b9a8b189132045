import type { SealedText } from '../../auth/sealed-text.ts';
import { AppError } from '../../errors.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import type { FileChangeKind } from '../../models/file-change.ts';
import { ObjectId, parseId } from '../../models/object-id.ts';
import type { Webhook } from '../../models/webhook.ts';
import { checkedWebhookUrl } from '../../webhooks/webhook-sender.ts';
import { newWebhookSecret } from '../../webhooks/webhook-signature.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { RateLimits } from '../limits/rate-limits.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';

/** What an owner says of a webhook; absent or null stays as it is, or is the default. */
export interface WebhookFacts {
  readonly url?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly events?: readonly FileChangeKind[] | null | undefined;
  readonly isActive?: boolean | null | undefined;
}

/** A webhook with its secret, for the only time. */
export interface IssuedWebhook {
  readonly webhook: Webhook;
  readonly secret: string;
}

/** The most webhooks an account has. */
export const MOST_WEBHOOKS = 20;

/** The webhooks of accounts: made, changed and removed by their owners alone. */
export class WebhookService {
  private readonly webhooks: Collections['webhooks'];
  private readonly deliveries: Collections['webhookDeliveries'];
  private readonly seals: SealedText;
  private readonly audit: Pick<AuditTrail, 'record'>;
  private readonly limits: Pick<RateLimits, 'spend'>;

  constructor(parts: {
    collections: Pick<Collections, 'webhooks' | 'webhookDeliveries'>;
    seals: SealedText;
    audit: Pick<AuditTrail, 'record'>;
    limits: Pick<RateLimits, 'spend'>;
  }) {
    this.webhooks = parts.collections.webhooks;
    this.deliveries = parts.collections.webhookDeliveries;
    this.seals = parts.seals;
    this.audit = parts.audit;
    this.limits = parts.limits;
  }

  /** The account’s webhooks, the newest first. */
  async list({ userId }: Viewer): Promise<Webhook[]> {
    return (await this.webhooks.find({ userId }).sort({ _id: -1 }).hint('of_user').lean()).map(withId);
  }

  /** Makes a webhook; BAD_USER_INPUT for an address that can be none, CONFLICT while the account has as many as it may. */
  async create(viewer: Viewer, facts: WebhookFacts & { readonly url: string }): Promise<IssuedWebhook> {
    const { userId } = viewer;
    const url = checkedWebhookUrl(facts.url);
    const events = checkedEvents(facts.events ?? []);
    await this.limits.spend('sharing', userId.toHexString());
    const _id = new ObjectId();
    const secret = newWebhookSecret();
    const made = await this.webhooks.create({
      _id,
      userId,
      url,
      description: facts.description ?? null,
      secret: this.sealed(secret, _id),
      events,
      isActive: facts.isActive ?? true,
    });
    // Counted after it is there: of many that are made at once, at most so many find room.
    if ((await this.webhooks.countDocuments({ userId }, { hint: 'of_user' })) > MOST_WEBHOOKS) {
      await this.webhooks.deleteOne({ _id });
      throw new AppError('CONFLICT', `An account has at most ${MOST_WEBHOOKS} webhooks: remove one.`);
    }
    await this.note(AuditAction.WEBHOOK_CREATED, viewer, _id, url);
    return { webhook: shown(made.toObject()), secret };
  }

  /** Changes a webhook of the viewer’s; NOT_FOUND for every other id. */
  async update(viewer: Viewer, id: string, facts: WebhookFacts): Promise<Webhook> {
    const set = {
      ...(facts.url != null && { url: checkedWebhookUrl(facts.url) }),
      ...(facts.description !== undefined && { description: facts.description }),
      ...(facts.events != null && { events: checkedEvents(facts.events) }),
      ...(facts.isActive != null && { isActive: facts.isActive }),
    };
    return this.change(viewer, id, set);
  }

  /** Gives a webhook a new secret; the old one signs nothing from then on. */
  async renewSecret(viewer: Viewer, id: string): Promise<IssuedWebhook> {
    const secret = newWebhookSecret();
    const _id = parseId(id);
    if (!_id) throw notFound();
    return { webhook: await this.change(viewer, id, { secret: this.sealed(secret, _id) }), secret };
  }

  /** Removes a webhook and what was to be delivered to it; resolves with its id. */
  async remove(viewer: Viewer, id: string): Promise<string> {
    const own = { _id: parseId(id), userId: viewer.userId };
    const removed = own._id && (await this.webhooks.findOneAndDelete(own as never).lean());
    if (!removed) throw notFound();
    await this.deliveries.deleteMany({ webhook: removed._id }, { hint: 'of_webhook' });
    await this.note(AuditAction.WEBHOOK_DELETED, viewer, removed._id, removed.url);
    return id;
  }

  /** The viewer’s webhook; NOT_FOUND for every other id. */
  async get(viewer: Viewer, id: string): Promise<Webhook> {
    const _id = parseId(id);
    const webhook = _id && (await this.webhooks.findOne({ _id, userId: viewer.userId }).lean());
    if (!webhook) throw notFound();
    return withId(webhook);
  }

  private async change(viewer: Viewer, id: string, set: object): Promise<Webhook> {
    const own = { _id: parseId(id), userId: viewer.userId };
    const changed =
      own._id &&
      (await this.webhooks.findOneAndUpdate(own as never, { $set: set }, { returnDocument: 'after' }).lean());
    if (!changed) throw notFound();
    await this.note(AuditAction.WEBHOOK_CHANGED, viewer, changed._id, changed.url);
    return shown(changed);
  }

  private sealed(secret: string, id: ObjectId): string {
    return this.seals.seal(secret, id.toHexString());
  }

  private note(action: AuditAction, by: Viewer, target: ObjectId, url: string): Promise<void> {
    // Paths and queries of such addresses often hold secrets.
    return this.audit.record({ action, by, target, details: { origin: new URL(url).origin } });
  }
}

function checkedEvents(events: readonly FileChangeKind[]): FileChangeKind[] {
  if (events.length > 0) return [...new Set(events)];
  const message = 'must name at least one event';
  throw new AppError('BAD_USER_INPUT', `events ${message}.`, { issues: [{ field: 'events', message }] });
}

function shown({ secret: _, ...webhook }: Omit<Webhook, 'id'>): Webhook {
  return withId(webhook) as Webhook;
}

const notFound = () => new AppError('NOT_FOUND', 'There is no such webhook.');
