import type { SealedText } from '../../auth/sealed-text.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Webhook } from '../../models/webhook.ts';
import { DeliveryStatus, type WebhookDelivery } from '../../models/webhook-delivery.ts';
import { type AddressRules, post, WebhookFailure } from '../../webhooks/webhook-sender.ts';
import { signedHeaders } from '../../webhooks/webhook-signature.ts';
import { USABLE } from '../sessions/sessions.ts';

/** Told how tries come out, never with what they say. */
export interface WebhookObserver {
  ended(outcome: 'delivered' | 'retried' | 'failed', delivery: ObjectId): void;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** How long to wait after each failure, as the Standard Webhooks specification proposes: about three days in all. */
export const WAITS_MS = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
] as const;
const PATIENCE_MS = 15 * SECOND_MS;
const CLAIM_MS = 4 * PATIENCE_MS;
const AT_ONCE = 8;
const GONE = 410;

type Claimed = Omit<WebhookDelivery, 'dueAt'> & { readonly dueAt: Date };

/**
 * Delivers what webhooks are to be told: claimed one by one by whichever node does it, tried again after ever longer
 * times, and given up with its webhook after the last. What dies between a delivery and its note is delivered twice,
 * under the same id.
 */
export class WebhookOutbox {
  private readonly webhooks: Collections['webhooks'];
  private readonly deliveries: Collections['webhookDeliveries'];
  private readonly users: Collections['users'];
  private readonly seals: SealedText;
  private readonly rules: AddressRules;
  private readonly observer: WebhookObserver;
  private readonly waits: readonly number[];

  constructor(parts: {
    collections: Pick<Collections, 'webhooks' | 'webhookDeliveries' | 'users'>;
    seals: SealedText;
    rules: AddressRules;
    observer: WebhookObserver;
    waits?: readonly number[];
  }) {
    this.webhooks = parts.collections.webhooks;
    this.deliveries = parts.collections.webhookDeliveries;
    this.users = parts.collections.users;
    this.seals = parts.seals;
    this.rules = parts.rules;
    this.observer = parts.observer;
    this.waits = parts.waits ?? WAITS_MS;
  }

  /** Delivers everything that is due; resolves with how many were tried. */
  async run(signal: AbortSignal): Promise<number> {
    const counts = await Promise.all(Array.from({ length: AT_ONCE }, () => this.deliverDue(signal)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** How many deliveries wait. */
  waiting(): Promise<number> {
    return this.deliveries.countDocuments({ dueAt: { $gt: new Date(0) } });
  }

  private async deliverDue(signal: AbortSignal): Promise<number> {
    for (let count = 0; ; count += 1) {
      const delivery = signal.aborted ? null : await this.claim();
      if (!delivery) return count;
      await this.deliver(delivery, signal);
    }
  }

  private async claim(): Promise<Claimed | null> {
    const dueAt = new Date(Date.now() + CLAIM_MS);
    const delivery = await this.deliveries
      .findOneAndUpdate({ dueAt: { $lte: new Date() } }, { $set: { dueAt } }, { sort: { dueAt: 1 } })
      .lean();
    return delivery && { ...delivery, dueAt };
  }

  private async deliver(delivery: Claimed, stopping: AbortSignal): Promise<void> {
    const webhook = await this.webhookOf(delivery);
    const opened = webhook && this.seals.open(webhook.secret, webhook._id.toHexString());
    if (!webhook || !opened) {
      await this.giveUp(delivery, 'The webhook is not there or not active any more.');
      return;
    }
    const id = delivery._id.toHexString();
    const headers = signedHeaders(opened.text, id, Math.floor(Date.now() / SECOND_MS), delivery.payload);
    const message = { url: webhook.url, body: delivery.payload, headers };
    const patience = AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), stopping]);
    try {
      const status = await post(message, this.rules, patience);
      if (status >= 200 && status < 300) return await this.delivered(delivery, status);
      await this.failed(delivery, { responseStatus: status, error: `It answered ${status}.` });
    } catch (error) {
      if (stopping.aborted) await this.putBack(delivery);
      else await this.failed(delivery, { responseStatus: null, error: textOf(error) });
    }
  }

  /** The webhook, while it is active and its account usable. A test is delivered whether it is active or not. */
  private async webhookOf({ webhook, event }: Claimed): Promise<Webhook | null> {
    const active = event === null ? {} : { isActive: true };
    const found = await this.webhooks
      .findOne({ _id: webhook, ...active })
      .select('+secret')
      .lean();
    if (!found || !(await this.users.exists({ _id: found.userId, ...USABLE }))) return null;
    return found as unknown as Webhook;
  }

  private async delivered(delivery: Claimed, responseStatus: number): Promise<void> {
    const { _id, dueAt, tries } = delivery;
    const set = { status: DeliveryStatus.DELIVERED, triedAt: new Date(), tries: tries + 1, error: null };
    await this.deliveries.updateOne(
      { _id, dueAt },
      { $set: { ...set, responseStatus }, $unset: { dueAt: 1 } },
    );
    this.observer.ended('delivered', _id);
  }

  private async failed(
    delivery: Claimed,
    outcome: { responseStatus: number | null; error: string },
  ): Promise<void> {
    const { _id, dueAt, webhook, event } = delivery;
    const tries = delivery.tries + 1;
    const tried = { ...outcome, tries, triedAt: new Date() };
    const wait = outcome.responseStatus === GONE || event === null ? undefined : this.waits[tries - 1];
    if (wait === undefined) {
      await this.deliveries.updateOne({ _id, dueAt }, { $set: tried });
      await this.giveUp({ ...delivery, tries }, outcome.error);
      // Whoever was not there for days, or says that it never will be, is told nothing more.
      if (event !== null) await this.webhooks.updateOne({ _id: webhook }, { $set: { isActive: false } });
      return;
    }
    const again = new Date(Date.now() + Math.round(wait * (0.9 + 0.2 * Math.random())));
    await this.deliveries.updateOne({ _id, dueAt }, { $set: { ...tried, dueAt: again } });
    // What else is due to it waits as long: a receiver that is down must not keep the others waiting.
    await this.deliveries.updateMany(
      { webhook, dueAt: { $lte: new Date() } },
      { $set: { dueAt: again } },
      { hint: 'due' },
    );
    this.observer.ended('retried', _id);
  }

  private async giveUp({ _id, dueAt, tries }: Claimed, error: string): Promise<void> {
    await this.deliveries.updateOne(
      { _id, dueAt },
      { $set: { status: DeliveryStatus.FAILED, error, tries }, $unset: { dueAt: 1 } },
    );
    this.observer.ended('failed', _id);
  }

  private async putBack({ _id, dueAt }: Claimed): Promise<void> {
    await this.deliveries.updateOne({ _id, dueAt }, { $set: { dueAt: new Date() } });
  }
}

const textOf = (error: unknown) =>
  error instanceof WebhookFailure ? error.message : 'It could not be sent.';
