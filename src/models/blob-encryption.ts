import { prop } from '@typegoose/typegoose';

/**
 * How a blob’s copies are encrypted, which are all the same bytes; or the parts of a direct upload, until they are a blob.
 */
export class BlobEncryption {
  @prop({ type: () => String, required: true })
  algorithm!: string;

  /** The name of the master key that wraps the data key. */
  @prop({ type: () => String, required: true })
  keyId!: string;

  /** The blob’s own data key, wrapped, in base64: a nonce of 12 bytes, the key’s 32, a tag of 16. */
  @prop({ type: () => String, required: true })
  wrappedKey!: string;
}
