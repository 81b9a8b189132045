import { prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { BlobEncryption } from './blob-encryption.ts';

/** What was agreed with a client that sends its bytes straight to a store, until they are a blob. */
export class DirectUpload {
  /** The provider that the client sends to. */
  @prop({ type: () => String, required: true })
  provider!: string;

  /** The keys of the parts in the order of their bytes, all in the area `incoming`. */
  @prop({ type: () => [String], required: true })
  keys!: string[];

  /** Bytes of each part but the last. */
  @prop({ type: () => Number, required: true })
  partSize!: number;

  /** Bytes of all parts. */
  @prop({ type: () => Number, required: true })
  fileSize!: number;

  /** The media type by the client’s word; empty where it said none. */
  @prop({ type: () => String, default: '' })
  declaredType!: string;

  /** Hex SHA-256 that the content must have. */
  @prop({ type: () => String })
  sha256?: string | null;

  /** The API key that asked for it: the addresses that are ours end with it. */
  @prop({ type: () => Types.ObjectId })
  apiKeyId?: Types.ObjectId;

  /** How its parts are encrypted, each with a key derived from this one; absent while they are kept plain. */
  @prop({ type: () => BlobEncryption, _id: false })
  encryption?: BlobEncryption;

  /** When the addresses stop working; from then on it cannot be completed any more. */
  @prop({ type: () => Date, required: true })
  expiresAt!: Date;
}
