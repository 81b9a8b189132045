import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { Field, ID, ObjectType } from 'type-graphql';
import { DateTime } from './scalars.ts';

/** One login: the document stays while its refresh token rotates, so its id is the access tokens' `sid`. */
@ObjectType({ description: 'One login of the account, on one device.' })
@index({ family: 1 }, { unique: true, name: 'family' })
@index({ userId: 1, lastUsedAt: -1, _id: -1 }, { name: 'user_sessions' })
@index({ expiresAt: 1 }, { expireAfterSeconds: 0, name: 'ttl' })
@modelOptions({ schemaOptions: { collection: 'sessions', timestamps: true, versionKey: false } })
export class Session {
  _id!: Types.ObjectId;

  @Field(() => ID, { simple: true, description: 'The session’s id, as `revokeSession` takes it.' })
  id!: string;

  @prop({ type: () => Types.ObjectId, required: true })
  userId!: Types.ObjectId;

  /** SHA-256 (hex) of the one refresh token that works now. */
  @prop({ type: () => String, required: true, select: false })
  tokenHash!: string;

  /** SHA-256 (hex) of the part that all refresh tokens of this login share: an old one still finds its family. */
  @prop({ type: () => String, required: true, select: false })
  family!: string;

  @Field(() => String, { simple: true, nullable: true, description: 'The User-Agent header of the login.' })
  @prop({ type: () => String })
  userAgent?: string | null;

  @Field(() => String, { simple: true, nullable: true, description: 'The address of the login.' })
  @prop({ type: () => String })
  ip?: string | null;

  @Field(() => DateTime, { simple: true, description: 'When the session last got new tokens.' })
  @prop({ type: () => Date, required: true })
  lastUsedAt!: Date;

  @Field(() => DateTime, {
    simple: true,
    description: 'When the session ends unless its refresh token is used before.',
  })
  @prop({ type: () => Date, required: true })
  expiresAt!: Date;

  @prop({ type: () => Date })
  revokedAt?: Date | null;

  @Field(() => DateTime, { simple: true, description: 'When the login happened.' })
  createdAt!: Date;

  updatedAt!: Date;
}
