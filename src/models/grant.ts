import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { Field, ID, ObjectType, registerEnumType } from 'type-graphql';
import { DateTime } from './scalars.ts';

/** What somebody may do with what is shared with them; each holds what the ones before it hold. */
export enum Permission {
  VIEW = 'VIEW',
  DOWNLOAD = 'DOWNLOAD',
  EDIT = 'EDIT',
  MANAGE = 'MANAGE',
}

/** What can be shared. */
export enum ShareKind {
  FILE = 'FILE',
  FOLDER = 'FOLDER',
}

registerEnumType(Permission, {
  name: 'Permission',
  description: 'What somebody may do with what is shared with them; each holds what the ones before it hold.',
  valuesConfig: {
    VIEW: { description: 'See it: facts and previews.' },
    DOWNLOAD: { description: 'Fetch contents.' },
    EDIT: {
      description: 'Change facts, upload into a folder, add versions, move within it, put into the trash.',
    },
    MANAGE: { description: 'Share it further, and take back what one has shared.' },
  },
});

registerEnumType(ShareKind, {
  name: 'ShareKind',
  description: 'What is shared.',
  valuesConfig: {
    FILE: { description: 'A file.' },
    FOLDER: { description: 'A folder, with everything below it.' },
  },
});

/**
 * A permission that one person gave another. It is worth something only while its giver is the owner or holds MANAGE by
 * grants that are worth something themselves, and never more than the giver holds.
 */
@ObjectType({ description: 'A permission that one person gave another, on a file or a folder.' })
@index({ target: 1, grantee: 1, grantedBy: 1 }, { unique: true, name: 'given' })
@index({ grantee: 1, _id: -1 }, { name: 'shared_with' })
@index({ grantee: 1, userId: 1 }, { name: 'of_owner' })
@index({ userId: 1 }, { name: 'by_owner' })
@index({ grantedBy: 1 }, { name: 'by_giver' })
@modelOptions({ schemaOptions: { collection: 'grants', timestamps: true, versionKey: false } })
export class Grant {
  _id!: Types.ObjectId;

  @Field(() => ID, { simple: true, description: 'The grant’s id.' })
  id!: string;

  /** Whose file or folder it is. */
  @prop({ type: () => Types.ObjectId, required: true })
  userId!: Types.ObjectId;

  @prop({ type: () => String, enum: ShareKind, required: true })
  kind!: ShareKind;

  /** The file or the folder. */
  @prop({ type: () => Types.ObjectId, required: true })
  target!: Types.ObjectId;

  @prop({ type: () => Types.ObjectId, required: true })
  grantee!: Types.ObjectId;

  @prop({ type: () => Types.ObjectId, required: true })
  grantedBy!: Types.ObjectId;

  @Field(() => Permission, { simple: true, description: 'What it gives.' })
  @prop({ type: () => String, enum: Permission, required: true })
  permission!: Permission;

  @Field(() => Boolean, {
    simple: true,
    description:
      'False while whoever gave it could not give it now; it is worth nothing as long as that is so.',
  })
  isInForce!: boolean;

  @Field(() => DateTime, { simple: true, description: 'When it was first given.' })
  sharedAt!: Date;

  createdAt!: Date;
  updatedAt!: Date;
}
