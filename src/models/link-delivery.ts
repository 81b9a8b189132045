import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';

/** A download through a share link that was counted, so that going on with it does not count again. */
@index({ share: 1, client: 1, file: 1 }, { unique: true, name: 'delivery' })
@index({ expiresAt: 1 }, { expireAfterSeconds: 0, name: 'expiry' })
@modelOptions({ schemaOptions: { collection: 'linkdeliveries', versionKey: false } })
export class LinkDelivery {
  _id!: Types.ObjectId;

  @prop({ type: () => Types.ObjectId, required: true })
  share!: Types.ObjectId;

  @prop({ type: () => Types.ObjectId, required: true })
  file!: Types.ObjectId;

  /** A keyed digest of what tells the client from others; not to be turned back into an address. */
  @prop({ type: () => String, required: true })
  client!: string;

  /** Which download it is: each that counts anew has another. */
  @prop({ type: () => Types.ObjectId, required: true })
  turn!: Types.ObjectId;

  /** Bytes handed over under it, those on their way included. */
  @prop({ type: () => Number, required: true })
  sent!: number;

  @prop({ type: () => Date, required: true })
  expiresAt!: Date;
}
