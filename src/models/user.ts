import { index, modelOptions, prop, Severity } from '@typegoose/typegoose';
import type { Types } from 'mongoose';
import { Field, ID, ObjectType, registerEnumType } from 'type-graphql';
import { Claim } from './claim.ts';
import { DateTime, SafeInt } from './scalars.ts';
import { SecondFactor } from './second-factor.ts';

/** What an account may do beyond its own files. */
export enum Role {
  USER = 'USER',
  ADMIN = 'ADMIN',
}

registerEnumType(Role, {
  name: 'Role',
  description: 'What an account may do beyond its own files.',
  valuesConfig: {
    USER: { description: 'Owns files and manages them.' },
    ADMIN: { description: 'May also administer the service.' },
  },
});

/** Comparison of usernames: letters differ, their case does not. */
export const CASE_INSENSITIVE = { locale: 'en', strength: 2 } as const;

/** An account. `usedBytes` counts every COMPLETED file and every claim of a running upload. */
@ObjectType({ description: 'An account.' })
@index({ username: 1 }, { unique: true, collation: CASE_INSENSITIVE, name: 'username' })
@index({ email: 1 }, { unique: true, name: 'email' })
@index({ 'claims.at': 1 }, { sparse: true, name: 'unsettled_claims' })
@index({ role: 1 }, { partialFilterExpression: { role: 'ADMIN' }, name: 'administrators' })
@index({ deletedAt: 1 }, { sparse: true, name: 'deleted_accounts' })
@index({ emailVerificationToken: 1 }, { sparse: true, name: 'email_verification' })
@index({ passwordResetToken: 1 }, { sparse: true, name: 'password_reset' })
@modelOptions({
  schemaOptions: { collection: 'users', timestamps: true, versionKey: false },
  options: { allowMixed: Severity.ERROR },
})
export class User {
  _id!: Types.ObjectId;

  @Field(() => ID, { description: 'The account’s id.', simple: true })
  id!: string;

  @Field(() => String, {
    simple: true,
    description: 'Unique whatever the case; 3–30 letters, digits, underscores.',
  })
  @prop({ type: () => String, required: true })
  username!: string;

  @prop({ type: () => String, required: true })
  email!: string;

  /** A PHC string; see auth/passwords.ts. */
  @prop({ type: () => String, required: true, select: false })
  password!: string;

  @Field(() => String, { simple: true, nullable: true, description: 'Given name, at most 50 characters.' })
  @prop({ type: () => String })
  firstName?: string | null;

  @Field(() => String, { simple: true, nullable: true, description: 'Family name, at most 50 characters.' })
  @prop({ type: () => String })
  lastName?: string | null;

  @prop({ type: () => String, enum: Role, default: Role.USER, required: true })
  role!: Role;

  /** Whether the owner proved to receive mail at this address. */
  @prop({ type: () => Boolean, default: false, required: true })
  isEmailVerified!: boolean;

  /** False once deactivated: no login, and its tokens end at once. */
  @prop({ type: () => Boolean, default: true, required: true })
  isActive!: boolean;

  /** When a login last succeeded; null before the first. */
  @prop({ type: () => Date })
  lastLogin?: Date | null;

  /** Bytes; null means unlimited. */
  @prop({ type: () => Number, default: null })
  quotaBytes!: number | null;

  /** Bytes of all files, the trash and running uploads included. */
  @prop({ type: () => Number, default: 0, required: true })
  usedBytes!: number;

  @prop({ type: () => [Claim], default: undefined, select: false, _id: false })
  claims?: Claim[];

  /** SHA-256 (hex) of the token that was mailed last; absent once it was used. */
  @prop({ type: () => String, select: false })
  emailVerificationToken?: string;

  @prop({ type: () => Date, select: false })
  emailVerificationExpires?: Date;

  /** SHA-256 (hex) of the token that was mailed last; absent once it was used. */
  @prop({ type: () => String, select: false })
  passwordResetToken?: string;

  @prop({ type: () => Date, select: false })
  passwordResetExpires?: Date;

  @prop({ type: () => SecondFactor, select: false, _id: false })
  secondFactor?: SecondFactor;

  /** The version of its avatar, as in the image’s address; absent without one. */
  @prop({ type: () => String })
  avatarVersion?: string;

  /** Set when the owner deleted the account; a job then removes what it owned, at last this document. */
  @prop({ type: () => Date, select: false })
  deletedAt?: Date | null;

  @Field(() => DateTime, { simple: true, description: 'When the account was made.' })
  createdAt!: Date;

  updatedAt!: Date;
}

/** How much an account stores, and how much it may. */
@ObjectType({ description: 'How much an account stores, and how much it may.' })
export class StorageUsage {
  @Field(() => SafeInt, {
    simple: true,
    description: 'Bytes of all files, the trash and running uploads included.',
  })
  usedBytes!: number;

  @Field(() => SafeInt, {
    simple: true,
    nullable: true,
    description: 'The most bytes the account may use; null is unlimited.',
  })
  quotaBytes!: number | null;
}
