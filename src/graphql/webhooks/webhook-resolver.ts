import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { Webhook } from '../../models/webhook.ts';
import { WebhookDelivery } from '../../models/webhook-delivery.ts';
import { DEFAULT_PAGE } from '../../services/files/file-listing.ts';
import { MOST_WEBHOOKS } from '../../services/webhooks/webhooks.ts';
import { AdminListArgs } from '../admin/admin-inputs.ts';
import { connectionOf } from '../connections.ts';
import { type Context, viewerOf } from '../context.ts';
import { Listed } from '../documents/list-sizes.ts';
import { Needs } from '../permissions.ts';
import {
  CreateWebhookInput,
  IssuedWebhook,
  UpdateWebhookInput,
  WebhookDeliveryConnection,
} from './webhook-types.ts';

/** The webhooks of an account; no API key may touch them. */
@Resolver(() => Webhook)
export class WebhookResolver {
  @Listed(MOST_WEBHOOKS)
  @Needs('session')
  @Query(() => [Webhook], { description: 'The own webhooks, the newest first; an account has at most 20.' })
  webhooks(@Ctx() context: Context): Promise<Webhook[]> {
    return context.services.webhooks.list(viewerOf(context));
  }

  @Needs('session')
  @Mutation(() => IssuedWebhook, {
    description: 'Makes a webhook and shows its secret, once. CONFLICT with 20 that are there already.',
  })
  createWebhook(
    @Arg('input', () => CreateWebhookInput, { description: 'The new webhook.' }) input: CreateWebhookInput,
    @Ctx() context: Context,
  ): Promise<IssuedWebhook> {
    return context.services.webhooks.create(viewerOf(context), input);
  }

  @Needs('session')
  @Mutation(() => Webhook, { description: 'Changes an own webhook.' })
  updateWebhook(
    @Arg('id', () => ID, { description: 'The webhook’s id.' }) id: string,
    @Arg('input', () => UpdateWebhookInput, { description: 'What to change.' }) input: UpdateWebhookInput,
    @Ctx() context: Context,
  ): Promise<Webhook> {
    return context.services.webhooks.update(viewerOf(context), id, input);
  }

  @Needs('session')
  @Mutation(() => IssuedWebhook, {
    description: 'Gives an own webhook a new secret and shows it, once; the old one signs nothing any more.',
  })
  renewWebhookSecret(
    @Arg('id', () => ID, { description: 'The webhook’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<IssuedWebhook> {
    return context.services.webhooks.renewSecret(viewerOf(context), id);
  }

  @Needs('session')
  @Mutation(() => ID, { description: 'Removes an own webhook with its deliveries; answers its id.' })
  deleteWebhook(
    @Arg('id', () => ID, { description: 'The webhook’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<string> {
    return context.services.webhooks.remove(viewerOf(context), id);
  }

  @Needs('session')
  @Mutation(() => WebhookDelivery, { description: 'Sends an own webhook a message that tells nothing.' })
  testWebhook(
    @Arg('id', () => ID, { description: 'The webhook’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<WebhookDelivery> {
    return context.services.webhookPosts.test(viewerOf(context), id);
  }

  @Needs('session')
  @Mutation(() => WebhookDelivery, { description: 'Delivers a message once more, under the same id.' })
  redeliverWebhook(
    @Arg('deliveryId', () => ID, { description: 'The delivery’s id.' }) deliveryId: string,
    @Ctx() context: Context,
  ): Promise<WebhookDelivery> {
    return context.services.webhookPosts.repeat(viewerOf(context), deliveryId);
  }

  @Listed(DEFAULT_PAGE)
  @Needs('session')
  @FieldResolver(() => WebhookDeliveryConnection, {
    description: 'What it was told in the last 30 days, the newest first.',
  })
  async deliveries(
    @Root() webhook: Webhook,
    @Args(() => AdminListArgs) args: AdminListArgs,
    @Ctx() { services }: Context,
  ): Promise<WebhookDeliveryConnection> {
    return connectionOf(await services.webhookPosts.page(webhook._id, args)) as WebhookDeliveryConnection;
  }
}
