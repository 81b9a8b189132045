import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';

/**
 * An account’s image as it is served: small, decoded and encoded here, without metadata. It is never changed; a new one
 * is a document of its own, and the account’s `avatarVersion` tells which of them counts.
 */
@index({ userId: 1, version: 1 }, { unique: true, name: 'user_avatars' })
@index({ unusedAfter: 1 }, { sparse: true, name: 'unused' })
@modelOptions({ schemaOptions: { collection: 'avatars', timestamps: true, versionKey: false } })
export class Avatar {
  _id!: Types.ObjectId;

  @prop({ type: () => Types.ObjectId, required: true })
  userId!: Types.ObjectId;

  /** WebP, at most 512 × 512 pixels. */
  @prop({ type: () => Buffer, required: true })
  image!: Buffer;

  /** Random, as in its address. */
  @prop({ type: () => String, required: true })
  version!: string;

  /** After which it is a leftover, unless its account names it; absent while it surely does. */
  @prop({ type: () => Date })
  unusedAfter?: Date;

  createdAt!: Date;
  updatedAt!: Date;
}
