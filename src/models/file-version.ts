import { prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { Field, ID, ObjectType } from 'type-graphql';
import { DateTime, SafeInt } from './scalars.ts';

/** An earlier content of a file. Its id names the content in the claims on quota and blob, wherever it lies in the file. */
@ObjectType({ description: 'An earlier content of a file.' })
export class FileVersion {
  @prop({ type: () => Types.ObjectId, required: true })
  _id!: Types.ObjectId;

  @Field(() => ID, { simple: true, description: 'The version’s id.' })
  id!: string;

  /** The id of its file, where it is told. */
  fileId?: string;

  @prop({ type: () => Types.ObjectId, required: true })
  blob!: Types.ObjectId;

  @Field(() => SafeInt, { simple: true, description: 'Bytes.' })
  @prop({ type: () => Number, required: true })
  fileSize!: number;

  @Field(() => String, { simple: true, description: 'SHA-256 of the content, lower-case hex.' })
  @prop({ type: () => String, required: true })
  fileHash!: string;

  @Field(() => String, { simple: true, description: 'Media type, by the content where it tells.' })
  @prop({ type: () => String, required: true })
  mimeType!: string;

  /** Who brought it. */
  @prop({ type: () => Types.ObjectId })
  uploadedBy?: Types.ObjectId;

  @Field(() => DateTime, { simple: true, description: 'When this content came to be the file’s.' })
  @prop({ type: () => Date, required: true })
  createdAt!: Date;

  /** True where nobody was to have it before a scan; what its blob tells now decides. */
  @prop({ type: () => Boolean })
  isAwaitingScan?: boolean;

  /** Set while it is being removed; nobody sees it any more. */
  @prop({ type: () => Date })
  purgingAt?: Date;
}
