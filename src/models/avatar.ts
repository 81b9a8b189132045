import { modelOptions, prop } from '@typegoose/typegoose';
import type { Types } from 'mongoose';

/** An account’s image as it is served: small, decoded and encoded here, without metadata. Its id is the account’s. */
@modelOptions({ schemaOptions: { collection: 'avatars', timestamps: true, versionKey: false } })
export class Avatar {
  _id!: Types.ObjectId;

  /** WebP, at most 512 × 512 pixels. */
  @prop({ type: () => Buffer, required: true })
  image!: Buffer;

  /** The beginning of the image’s SHA-256, as in its address. */
  @prop({ type: () => String, required: true })
  version!: string;

  createdAt!: Date;
  updatedAt!: Date;
}
