import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { Field, ID, ObjectType, registerEnumType } from 'type-graphql';
import { DateTime } from './scalars.ts';

/** What an API key can be allowed; stored and shown to people under these words. */
export enum Scope {
  FILES_READ = 'files:read',
  FILES_WRITE = 'files:write',
  SHARES_WRITE = 'shares:write',
  ACCOUNT_READ = 'account:read',
}

registerEnumType(Scope, {
  name: 'Scope',
  description: 'What an API key can be allowed.',
  valuesConfig: {
    FILES_READ: { description: '`files:read`: list files, read what is said of them, fetch contents.' },
    FILES_WRITE: { description: '`files:write`: upload, change, trash, restore and remove files.' },
    SHARES_WRITE: { description: '`shares:write`: share files and take shares back.' },
    ACCOUNT_READ: { description: '`account:read`: read the account’s own facts and its storage usage.' },
  },
});

/** A long-lived secret by which a script acts for an account, within its scopes. */
@ObjectType({ description: 'A long-lived secret by which a script acts for an account, within its scopes.' })
@index({ tokenHash: 1 }, { unique: true, name: 'token' })
@index({ userId: 1, _id: -1 }, { name: 'user_keys' })
@index(
  { userId: 1, slot: 1 },
  { unique: true, partialFilterExpression: { slot: { $exists: true } }, name: 'slots' },
)
@modelOptions({ schemaOptions: { collection: 'apikeys', timestamps: true, versionKey: false } })
export class ApiKey {
  _id!: Types.ObjectId;

  @Field(() => ID, { simple: true, description: 'The key’s id, as `revokeApiKey` takes it.' })
  id!: string;

  @prop({ type: () => Types.ObjectId, required: true })
  userId!: Types.ObjectId;

  @Field(() => String, { simple: true, description: 'What its owner calls it.' })
  @prop({ type: () => String, required: true })
  name!: string;

  @Field(() => String, { simple: true, description: 'How the key begins, to tell it from others.' })
  @prop({ type: () => String, required: true })
  prefix!: string;

  /** SHA-256 (hex) of the whole key. */
  @prop({ type: () => String, required: true, select: false })
  tokenHash!: string;

  /** Its number among the account’s keys that work, of which there are only so many; absent once it has ended. */
  @prop({ type: () => Number })
  slot?: number;

  @Field(() => [Scope], { simple: true, description: 'All it may do.' })
  @prop({ type: () => [String], enum: Scope, required: true })
  scopes!: Scope[];

  @Field(() => DateTime, { simple: true, nullable: true, description: 'When it ends; null is never.' })
  @prop({ type: () => Date })
  expiresAt?: Date | null;

  @Field(() => DateTime, {
    simple: true,
    nullable: true,
    description: 'When it was last used, to the minute; null before the first time.',
  })
  @prop({ type: () => Date })
  lastUsedAt?: Date | null;

  @Field(() => DateTime, { simple: true, nullable: true, description: 'When it was taken back.' })
  @prop({ type: () => Date })
  revokedAt?: Date | null;

  @Field(() => DateTime, { simple: true, description: 'When it was made.' })
  createdAt!: Date;

  updatedAt!: Date;
}
