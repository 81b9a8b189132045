import { prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { BlobEncryption } from './blob-encryption.ts';
import { Place } from './place.ts';

/** A small picture of a content, kept beside it; equal contents share it. */
export class Preview extends Place {
  @prop({ type: () => Types.ObjectId, required: true })
  _id!: Types.ObjectId;

  /** Its longest side may have so many pixels: 128, 512 or 1280. */
  @prop({ type: () => Number, required: true })
  pixels!: number;

  /** Bytes of the plain picture. */
  @prop({ type: () => Number, required: true })
  bytes!: number;

  /** How it is encrypted, under a key of its own, where the content is. */
  @prop({ type: () => BlobEncryption, _id: false })
  encryption?: BlobEncryption;
}
