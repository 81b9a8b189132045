import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';

/** What a mailed token is for; the account then holds its digest. */
export enum MailedTokenUse {
  VERIFICATION = 'VERIFICATION',
  PASSWORD_RESET = 'PASSWORD_RESET',
}

/** A mail that is to be sent: kept until a mail server took it or it is of no use any more. */
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

  /** The whole letter, sealed: it may carry a token that is stored nowhere else but as its digest. */
  @prop({ type: () => String, required: true })
  letter!: string;

  /** What the token in it is for; absent for a letter without one. */
  @prop({ type: () => String, enum: MailedTokenUse })
  tokenUse?: MailedTokenUse;

  /** SHA-256 (hex) of the token in it: the mail is of use only while the account holds the same. */
  @prop({ type: () => String })
  tokenHash?: string;

  /** When it is next to be tried; absent for one that is kept in the mailbox. */
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
