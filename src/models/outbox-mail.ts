import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';

/** A mail that is to be sent: kept, with its whole text, until a mail server took it or it is of no use any more. */
@index({ dueAt: 1 }, { sparse: true, name: 'due' })
@index({ userId: 1 }, { sparse: true, name: 'user_mails' })
@modelOptions({ schemaOptions: { collection: 'outbox', timestamps: true, versionKey: false } })
export class OutboxMail {
  _id!: Types.ObjectId;

  /** The account it is for; absent for one to the operator. */
  @prop({ type: () => Types.ObjectId })
  userId?: Types.ObjectId;

  @prop({ type: () => String, required: true })
  to!: string;

  @prop({ type: () => String, required: true })
  subject!: string;

  @prop({ type: () => String, required: true })
  text!: string;

  @prop({ type: () => String, required: true })
  html!: string;

  /** When it is next to be tried; absent once it was given up. */
  @prop({ type: () => Date })
  dueAt?: Date;

  /** How often sending it has failed. */
  @prop({ type: () => Number, required: true })
  tries!: number;

  /** After which it is of no use, since what it says has ended. */
  @prop({ type: () => Date, required: true })
  uselessAfter!: Date;

  createdAt!: Date;
  updatedAt!: Date;
}
