import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { Field, ID, ObjectType } from 'type-graphql';
import { FileChangeKind } from './file-change.ts';
import { DateTime } from './scalars.ts';

/** An address that is told of what happens to its owner’s files. */
@ObjectType({ description: 'An address that is told of what happens to its owner’s files.' })
@index({ userId: 1, _id: -1 }, { name: 'of_user' })
@modelOptions({ schemaOptions: { collection: 'webhooks', timestamps: true, versionKey: false } })
export class Webhook {
  _id!: Types.ObjectId;

  @Field(() => ID, { simple: true, description: 'The webhook’s id.' })
  id!: string;

  @prop({ type: () => Types.ObjectId, required: true })
  userId!: Types.ObjectId;

  @Field(() => String, { simple: true, description: 'Where it is told.' })
  @prop({ type: () => String, required: true })
  url!: string;

  @Field(() => String, { simple: true, nullable: true, description: 'What its owner says of it.' })
  @prop({ type: () => String })
  description?: string | null;

  /** What deliveries are signed with, sealed. */
  @prop({ type: () => String, required: true, select: false })
  secret!: string;

  @Field(() => [FileChangeKind], { simple: true, description: 'What it is told of.' })
  @prop({ type: () => [String], enum: FileChangeKind, required: true })
  events!: FileChangeKind[];

  @Field(() => Boolean, { simple: true, description: 'Whether it is told anything now.' })
  @prop({ type: () => Boolean, required: true })
  isActive!: boolean;

  @Field(() => DateTime, { simple: true, description: 'When it was made.' })
  createdAt!: Date;

  @Field(() => DateTime, { simple: true, description: 'When it last changed.' })
  updatedAt!: Date;
}
