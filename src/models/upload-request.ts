import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Claim } from './claim.ts';
import { DateTime, SafeInt } from './scalars.ts';

/** A link through which anybody who has it may drop files into a folder. */
@ObjectType({ description: 'A link through which anybody who has it may drop files into a folder.' })
@index({ tokenHash: 1 }, { unique: true, name: 'token' })
@index({ createdBy: 1, _id: -1 }, { name: 'made_by' })
@index({ folder: 1, _id: -1 }, { name: 'of_folder' })
@index({ userId: 1 }, { name: 'by_owner' })
@index({ goneAfter: 1 }, { sparse: true, name: 'old_requests' })
@index({ 'claims.at': 1 }, { sparse: true, name: 'unsettled_claims' })
@modelOptions({ schemaOptions: { collection: 'uploadrequests', timestamps: true, versionKey: false } })
export class UploadRequest {
  _id!: Types.ObjectId;

  @Field(() => ID, { simple: true, description: 'The request’s id.' })
  id!: string;

  /** Whose folder it is, and whose quota the files count against. */
  @prop({ type: () => Types.ObjectId, required: true })
  userId!: Types.ObjectId;

  @prop({ type: () => Types.ObjectId, required: true })
  createdBy!: Types.ObjectId;

  @prop({ type: () => Types.ObjectId, required: true })
  folder!: Types.ObjectId;

  /** SHA-256 (hex) of the token. */
  @prop({ type: () => String, required: true, select: false })
  tokenHash!: string;

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
    description: 'How many files it takes; null is any number.',
  })
  @prop({ type: () => Number })
  maxFiles?: number | null;

  @Field(() => SafeInt, {
    simple: true,
    nullable: true,
    description: 'The most bytes one file may have; null is what the service allows.',
  })
  @prop({ type: () => Number })
  maxFileSize?: number | null;

  @Field(() => [String], {
    simple: true,
    description: 'Media types or families such as `image/*` that it takes; empty is every type.',
  })
  @prop({ type: () => [String], required: true })
  allowedTypes!: string[];

  @Field(() => Int, {
    simple: true,
    description: 'Files that came through it, and those that are on their way.',
  })
  @prop({ type: () => Number, required: true })
  files!: number;

  /** Of `files`, those of which it is not settled yet that they came. */
  @prop({ type: () => [Claim], default: undefined, _id: false })
  claims?: Claim[];

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
