import { ArrayMaxSize, ArrayNotEmpty, IsOptional, MaxLength } from 'class-validator';
import { Field, InputType, ObjectType } from 'type-graphql';
import { FileChangeKind } from '../../models/file-change.ts';
import { Webhook } from '../../models/webhook.ts';
import { WebhookDelivery } from '../../models/webhook-delivery.ts';
import { PageInfo } from '../connections.ts';

const MOST_EVENTS = 20;

/** What a new webhook is made from. */
@InputType({ description: 'What a new webhook is made from.' })
export class CreateWebhookInput {
  @Field(() => String, { description: 'Where it is told: an http or https address.' })
  @MaxLength(2000)
  url!: string;

  @Field(() => [FileChangeKind], { description: 'What it is told of: at least one.' })
  @ArrayNotEmpty()
  @ArrayMaxSize(MOST_EVENTS)
  events!: FileChangeKind[];

  @Field(() => String, { nullable: true, description: 'What its owner says of it, at most 500 characters.' })
  @IsOptional()
  @MaxLength(500)
  description?: string | null;
}

/** What to change of a webhook. */
@InputType({ description: 'What to change; absent fields stay as they are.' })
export class UpdateWebhookInput {
  @Field(() => String, { nullable: true, description: 'Where it is told: an http or https address.' })
  @IsOptional()
  @MaxLength(2000)
  url?: string | null;

  @Field(() => [FileChangeKind], { nullable: true, description: 'What it is told of: at least one.' })
  @IsOptional()
  @ArrayNotEmpty()
  @ArrayMaxSize(MOST_EVENTS)
  events?: FileChangeKind[] | null;

  @Field(() => String, { nullable: true, description: 'At most 500 characters; null removes it.' })
  @IsOptional()
  @MaxLength(500)
  description?: string | null;

  @Field(() => Boolean, { nullable: true, description: 'Whether it is told anything.' })
  isActive?: boolean | null;
}

/** A webhook with its secret. */
@ObjectType({ description: 'A webhook with its secret.' })
export class IssuedWebhook {
  @Field(() => Webhook, { simple: true, description: 'The webhook.' })
  webhook!: Webhook;

  @Field(() => String, {
    simple: true,
    description:
      'What messages are signed with, by the Standard Webhooks specification. It is never shown again.',
  })
  secret!: string;
}

/** A delivery of a page and its cursor. */
@ObjectType({ description: 'A delivery of a page, with the cursor that leads on from it.' })
export class WebhookDeliveryEdge {
  @Field(() => String, { simple: true, description: 'What `after` takes.' })
  cursor!: () => string;

  @Field(() => WebhookDelivery, { simple: true, description: 'The delivery.' })
  node!: WebhookDelivery;
}

/** One page of deliveries. */
@ObjectType({ description: 'One page of a webhook’s deliveries, newest first.' })
export class WebhookDeliveryConnection {
  @Field(() => [WebhookDeliveryEdge], {
    simple: true,
    description: 'The page’s deliveries with their cursors.',
  })
  edges!: () => WebhookDeliveryEdge[];

  @Field(() => [WebhookDelivery], { simple: true, description: 'The page’s deliveries alone.' })
  nodes!: WebhookDelivery[];

  @Field(() => PageInfo, { simple: true, description: 'Where the page lies in the list.' })
  pageInfo!: () => PageInfo;
}
