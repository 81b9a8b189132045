import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { ShareKind } from './grant.ts';
import { DateTime } from './scalars.ts';

/** A link by which anybody who has it may see a file or a folder. */
@ObjectType({ description: 'A link by which anybody who has it may see a file or a folder.' })
@index({ tokenHash: 1 }, { unique: true, name: 'token' })
@index({ createdBy: 1, _id: -1 }, { name: 'made_by' })
@index({ target: 1, _id: -1 }, { name: 'of_target' })
@index({ userId: 1 }, { name: 'by_owner' })
@index({ goneAfter: 1 }, { sparse: true, name: 'old_links' })
@modelOptions({ schemaOptions: { collection: 'shares', timestamps: true, versionKey: false } })
export class ShareLink {
  _id!: Types.ObjectId;

  @Field(() => ID, { simple: true, description: 'The link’s id.' })
  id!: string;

  /** Whose file or folder it is. */
  @prop({ type: () => Types.ObjectId, required: true })
  userId!: Types.ObjectId;

  /** Who made the link; it works only while they may share what it leads to. */
  @prop({ type: () => Types.ObjectId, required: true })
  createdBy!: Types.ObjectId;

  @Field(() => ShareKind, { simple: true, description: 'What it leads to.' })
  @prop({ type: () => String, enum: ShareKind, required: true })
  kind!: ShareKind;

  @prop({ type: () => Types.ObjectId, required: true })
  target!: Types.ObjectId;

  /** SHA-256 (hex) of the token. */
  @prop({ type: () => String, required: true, select: false })
  tokenHash!: string;

  /** The password’s hash; absent where none is asked for. */
  @prop({ type: () => String })
  passwordHash?: string | null;

  @Field(() => String, { simple: true, nullable: true, description: 'A word to whoever opens it.' })
  @prop({ type: () => String })
  note?: string | null;

  @Field(() => DateTime, { simple: true, nullable: true, description: 'When it ends; null is never.' })
  @prop({ type: () => Date })
  expiresAt?: Date | null;

  @Field(() => Int, {
    simple: true,
    nullable: true,
    description: 'How many downloads it allows; null is any number.',
  })
  @prop({ type: () => Number })
  maxDownloads?: number | null;

  @Field(() => Int, { simple: true, description: 'Downloads begun through it.' })
  @prop({ type: () => Number, required: true })
  downloads!: number;

  @Field(() => Int, { simple: true, description: 'How often its page was opened.' })
  @prop({ type: () => Number, required: true })
  opens!: number;

  @Field(() => DateTime, { simple: true, nullable: true, description: 'When it was last opened.' })
  @prop({ type: () => Date })
  lastOpenedAt?: Date | null;

  @Field(() => Boolean, { simple: true, description: 'Whether contents may be fetched, not only previews.' })
  @prop({ type: () => Boolean, required: true })
  allowDownload!: boolean;

  @Field(() => DateTime, { simple: true, nullable: true, description: 'When it was taken back.' })
  @prop({ type: () => Date })
  revokedAt?: Date | null;

  /** When its document is removed, since it has ended long ago. */
  @prop({ type: () => Date })
  goneAfter?: Date;

  @Field(() => DateTime, { simple: true, description: 'When it was made.' })
  createdAt!: Date;

  updatedAt!: Date;
}
