import { index, modelOptions, prop, Severity } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { Field, ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import { FileChangeKind } from './file-change.ts';
import { DateTime } from './scalars.ts';

/** How a delivery stands. */
export enum DeliveryStatus {
  PENDING = 'PENDING',
  DELIVERED = 'DELIVERED',
  FAILED = 'FAILED',
}

registerEnumType(DeliveryStatus, {
  name: 'DeliveryStatus',
  description: 'How a delivery stands.',
  valuesConfig: {
    PENDING: { description: 'It is still to be delivered, or tried again.' },
    DELIVERED: { description: 'The receiver answered with a success.' },
    FAILED: { description: 'It was tried as often as it is tried.' },
  },
});

/** One message to a webhook and how it fared; removed after 30 days. */
@ObjectType({ description: 'One message to a webhook and how it fared; removed after 30 days.' })
@index({ webhook: 1, _id: -1 }, { name: 'of_webhook' })
@index({ dueAt: 1 }, { sparse: true, name: 'due' })
@index({ userId: 1 }, { name: 'of_user' })
@index({ createdAt: 1 }, { expireAfterSeconds: 30 * 24 * 3600, name: 'expiry' })
@modelOptions({
  schemaOptions: {
    collection: 'webhookdeliveries',
    timestamps: { createdAt: true, updatedAt: false },
    versionKey: false,
  },
  options: { allowMixed: Severity.ALLOW },
})
export class WebhookDelivery {
  _id!: Types.ObjectId;

  @Field(() => ID, { simple: true, description: 'The delivery’s id, as the header tells it.' })
  id!: string;

  @prop({ type: () => Types.ObjectId, required: true })
  userId!: Types.ObjectId;

  @prop({ type: () => Types.ObjectId, required: true })
  webhook!: Types.ObjectId;

  @Field(() => FileChangeKind, {
    simple: true,
    nullable: true,
    description: 'What it tells; null for a test.',
  })
  @prop({ type: () => String, enum: [...Object.values(FileChangeKind), null] })
  event!: FileChangeKind | null;

  /** The body, as it is signed and sent. */
  @prop({ type: () => String, required: true })
  payload!: string;

  @Field(() => DeliveryStatus, { simple: true, description: 'How it stands.' })
  @prop({ type: () => String, enum: DeliveryStatus, required: true })
  status!: DeliveryStatus;

  @Field(() => Int, { simple: true, description: 'How often it was tried.' })
  @prop({ type: () => Number, required: true })
  tries!: number;

  /** When it is next tried; absent once it is not any more. */
  @prop({ type: () => Date })
  dueAt?: Date;

  @Field(() => Int, { simple: true, nullable: true, description: 'The last answer’s HTTP status.' })
  @prop({ type: () => Number })
  responseStatus?: number | null;

  @Field(() => String, { simple: true, nullable: true, description: 'Why the last try failed.' })
  @prop({ type: () => String })
  error?: string | null;

  @Field(() => DateTime, { simple: true, nullable: true, description: 'When it was last tried.' })
  @prop({ type: () => Date })
  triedAt?: Date | null;

  @Field(() => DateTime, { simple: true, description: 'When what it tells happened.' })
  createdAt!: Date;
}
