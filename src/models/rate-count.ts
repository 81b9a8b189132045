import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';

/** What was spent of a rate limit under one key. The library that counts names the fields; nothing else reads it. */
@index({ key: 1 }, { unique: true, name: 'one_count' })
@index({ expire: 1 }, { expireAfterSeconds: 0, name: 'ttl' })
@modelOptions({ schemaOptions: { collection: 'ratelimits', timestamps: false, versionKey: false } })
export class RateCount {
  _id!: Types.ObjectId;

  /** The limit’s name and a hash of whom it is for. */
  @prop({ type: () => String, required: true })
  key!: string;

  @prop({ type: () => Number, required: true })
  points!: number;

  /** When it is nothing again. */
  @prop({ type: () => Date })
  expire?: Date;
}
