import { prop } from '@typegoose/typegoose';

/** How a blob’s copies are encrypted; all of its copies are the same bytes. */
export class BlobEncryption {
  @prop({ type: () => String, required: true })
  algorithm!: string;

  /** The name of the master key that wraps the data key. */
  @prop({ type: () => String, required: true })
  keyId!: string;

  /** The blob’s own data key, wrapped, in base64. */
  @prop({ type: () => String, required: true })
  wrappedKey!: string;
}
