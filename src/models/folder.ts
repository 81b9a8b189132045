import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { Field, ID, ObjectType } from 'type-graphql';
import { DateTime } from './scalars.ts';

/** A place for files and further folders; what belongs to no folder lies in the account’s root. */
@ObjectType({ description: 'A place for files and further folders.' })
@index(
  { userId: 1, parent: 1, nameKey: 1 },
  { unique: true, partialFilterExpression: { isDeleted: false }, name: 'sibling_names' },
)
@index(
  { userId: 1, parent: 1, nameKey: 1, _id: 1 },
  { partialFilterExpression: { isDeleted: true }, name: 'trashed_children' },
)
@index(
  { userId: 1, isTrashRoot: 1, deletedAt: -1, _id: -1 },
  { partialFilterExpression: { isDeleted: true }, name: 'trash' },
)
@index({ deletedAt: 1 }, { partialFilterExpression: { isTrashRoot: true }, name: 'old_trash' })
@index({ trashedWith: 1, _id: 1 }, { sparse: true, name: 'trashed_together' })
@index({ spreadingAt: 1 }, { sparse: true, name: 'unfinished_spreads' })
@modelOptions({ schemaOptions: { collection: 'folders', timestamps: true, versionKey: false } })
export class Folder {
  _id!: Types.ObjectId;

  @Field(() => ID, { simple: true, description: 'The folder’s id.' })
  id!: string;

  /** Whose folder it is; everything below it belongs to the same account. */
  @prop({ type: () => Types.ObjectId, required: true })
  userId!: Types.ObjectId;

  @Field(() => String, { simple: true, description: 'Its name, at most 255 characters.' })
  @prop({ type: () => String, required: true })
  name!: string;

  /** The name folded, so that case and accents’ encoding do not matter; unique among live siblings. */
  @prop({ type: () => String, required: true })
  nameKey!: string;

  /** The folder it lies in; null for one in the root. */
  @prop({ type: () => Types.ObjectId })
  parent!: Types.ObjectId | null;

  @Field(() => Boolean, { simple: true, description: 'Whether it lies in the trash.' })
  @prop({ type: () => Boolean, required: true })
  isDeleted!: boolean;

  @Field(() => DateTime, { simple: true, nullable: true, description: 'When it was put into the trash.' })
  @prop({ type: () => Date })
  deletedAt?: Date | null;

  /** The folder whose deletion put it into the trash, itself where it was deleted; absent while it is live. */
  @prop({ type: () => Types.ObjectId })
  trashedWith?: Types.ObjectId;

  /** True for one that was deleted itself, and did not only go with one above it. */
  @prop({ type: () => Boolean })
  isTrashRoot?: boolean;

  /** True while it is being removed for good; nobody sees it any more. */
  @prop({ type: () => Boolean })
  isPurging?: boolean;

  /** Since when its deletion, restoration or removal is being spread to what lies below; absent once it is everywhere. */
  @prop({ type: () => Date })
  spreadingAt?: Date;

  @Field(() => DateTime, { simple: true, description: 'When it was made.' })
  createdAt!: Date;

  @Field(() => DateTime, { simple: true, description: 'When it last changed.' })
  updatedAt!: Date;
}
