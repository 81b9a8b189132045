import { index, modelOptions, prop, Severity } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { FileAccess, FileEncryption, FileMetadata, VirusScan } from './file-details.ts';
import { ProcessingStatus, StorageProvider, UploadStatus } from './file-enums.ts';
import { FileUpkeep } from './file-upkeep.ts';
import { DateTime, SafeInt } from './scalars.ts';

/** Before every date a file can carry: `$gt: NEVER` tells a date from null in a way a partial index understands. */
export const NEVER = new Date(0);

/** The listed fields a connection can be ordered by: wire name → stored field. */
export const FILE_SORT_FIELDS = {
  CREATED_AT: 'createdAt',
  UPDATED_AT: 'updatedAt',
  ORIGINAL_NAME: 'sortName',
  FILE_SIZE: 'fileSize',
  DOWNLOAD_COUNT: 'downloadCount',
} as const;

/** What a file must be to be listed at all; the list indexes hold nothing else. */
export const LISTED = { uploadStatus: UploadStatus.COMPLETED } as const;

/** The stored fields of every list order; each has an index of its own per kind of list. */
export type FileSortKey = (typeof FILE_SORT_FIELDS)[keyof typeof FILE_SORT_FIELDS];

/** The name of the index that answers one list order: of everything an owner has, of one folder, or of what is public. */
export const listIndex = (scope: 'own' | 'folder' | 'public', field: FileSortKey): string =>
  `${scope}_by_${field}`;

/** A file a user owns. The bytes are the blob's; this is what the owner calls them. */
@ObjectType('File', { description: 'A file a user owns.' })
@index({ fileName: 1 }, { unique: true, name: 'file_name' })
@index({ blob: 1 }, { sparse: true, name: 'blob' })
@index({ userId: 1, isDeleted: 1, tags: 1 }, { partialFilterExpression: LISTED, name: 'own_tags' })
@index({ userId: 1, isDeleted: 1, words: 1 }, { partialFilterExpression: LISTED, name: 'own_words' })
@index(
  { isPublic: 1, isDeleted: 1, words: 1 },
  { partialFilterExpression: { ...LISTED, isPublic: true }, name: 'public_words' },
)
@index({ contentWordsDueAt: 1 }, { sparse: true, name: 'content_words_due' })
@index({ heartbeatAt: 1 }, { sparse: true, name: 'unfinished_uploads' })
@index(
  { expiryDate: 1 },
  { partialFilterExpression: { expiryDate: { $gt: NEVER }, isDeleted: false }, name: 'expiring' },
)
@index({ deletedAt: 1 }, { partialFilterExpression: { isDeleted: true }, name: 'trash' })
@index({ purgingAt: 1 }, { sparse: true, name: 'unfinished_purges' })
@index({ lostAt: 1 }, { sparse: true, name: 'lost' })
@index({ trashedWith: 1, _id: 1 }, { sparse: true, name: 'trashed_together' })
@index({ contents: 1 }, { sparse: true, name: 'further_contents' })
@index({ 'versions.blob': 1 }, { sparse: true, name: 'version_blobs' })
@index({ 'versions.purgingAt': 1 }, { sparse: true, name: 'unfinished_version_purges' })
@index(
  { updatedAt: 1, _id: 1 },
  { partialFilterExpression: { ...LISTED, processingStatus: ProcessingStatus.PENDING }, name: 'unprocessed' },
)
@index(
  { quarantinedAt: -1, _id: -1 },
  { partialFilterExpression: { quarantinedAt: { $gt: NEVER } }, name: 'quarantine' },
)
@listIndexes()
@modelOptions({
  schemaOptions: { collection: 'files', timestamps: true, versionKey: false },
  options: { allowMixed: Severity.ALLOW },
})
export class StoredFile extends FileUpkeep {
  _id!: Types.ObjectId;

  @Field(() => ID, { simple: true, description: 'The file’s id.' })
  id!: string;

  @prop({ type: () => Types.ObjectId, required: true })
  userId!: Types.ObjectId;

  @Field(() => String, {
    simple: true,
    description: 'The name the client gave, cleaned; at most 255 characters.',
  })
  @prop({ type: () => String, required: true })
  originalName!: string;

  /** originalName folded for ordering, so that case and accents’ encoding do not matter. */
  @prop({ type: () => String, required: true })
  sortName!: string;

  @Field(() => String, { simple: true, description: 'The system’s own, unique name for the file.' })
  @prop({ type: () => String, required: true })
  fileName!: string;

  @Field(() => SafeInt, { simple: true, description: 'Bytes.' })
  @prop({ type: () => Number, required: true })
  fileSize!: number;

  @Field(() => String, {
    simple: true,
    description: 'Media type, lower-case, by the content where it tells.',
  })
  @prop({ type: () => String, required: true })
  mimeType!: string;

  @Field(() => String, {
    simple: true,
    description: 'Lower-case, without the dot; empty where there is none.',
  })
  @prop({ type: () => String, default: '' })
  fileExtension!: string;

  @Field(() => String, { simple: true, description: 'SHA-256 of the content, lower-case hex.' })
  @prop({ type: () => String, default: '' })
  fileHash!: string;

  @Field(() => String, { simple: true, nullable: true, description: 'At most 1000 characters.' })
  @prop({ type: () => String })
  description?: string | null;

  @Field(() => [String], { simple: true, description: 'At most 20, each 1–50 characters, no duplicates.' })
  @prop({ type: () => [String], required: true })
  tags!: string[];

  @Field(() => Boolean, { simple: true, description: 'Whether everybody may see and fetch it.' })
  @prop({ type: () => Boolean, required: true })
  isPublic!: boolean;

  @Field(() => Int, { simple: true, description: 'Downloads begun from the first byte.' })
  @prop({ type: () => Number, required: true })
  downloadCount!: number;

  @Field(() => DateTime, { simple: true, nullable: true, description: 'When a download last began.' })
  @prop({ type: () => Date })
  lastDownloaded?: Date | null;

  @Field(() => FileMetadata, {
    simple: true,
    nullable: true,
    description: 'Null until processing found some.',
  })
  @prop({ type: () => FileMetadata, _id: false })
  metadata?: FileMetadata | null;

  @Field(() => UploadStatus, { simple: true, description: 'COMPLETED for every file a list shows.' })
  @prop({ type: () => String, enum: UploadStatus, required: true })
  uploadStatus!: UploadStatus;

  @Field(() => Int, { simple: true, description: 'Percent, 0–100.' })
  @prop({ type: () => Number, required: true })
  uploadProgress!: number;

  @Field(() => ProcessingStatus, {
    simple: true,
    description: 'What became of the content after it was stored.',
  })
  @prop({ type: () => String, enum: ProcessingStatus, required: true })
  processingStatus!: ProcessingStatus;

  @Field(() => String, {
    simple: true,
    nullable: true,
    description: 'Why processing gave up, such as a program that the host lacks; null unless it did.',
  })
  @prop({ type: () => String })
  processingError?: string | null;

  @Field(() => StorageProvider, { simple: true, description: 'Where the bytes live.' })
  @prop({ type: () => String, enum: StorageProvider, required: true })
  storageProvider!: StorageProvider;

  @Field(() => FileEncryption, { simple: true, description: 'How the content is encrypted at rest.' })
  @prop({ type: () => FileEncryption, _id: false, required: true })
  encryption!: FileEncryption;

  @Field(() => VirusScan, { simple: true, description: 'What a virus scanner said.' })
  @prop({ type: () => VirusScan, _id: false, required: true })
  virus!: VirusScan;

  @Field(() => FileAccess, { simple: true, description: 'The owner’s locks.' })
  @prop({ type: () => FileAccess, _id: false, required: true })
  access!: FileAccess;

  @Field(() => DateTime, {
    simple: true,
    nullable: true,
    description: 'Past it the file is gone for everyone.',
  })
  @prop({ type: () => Date })
  expiryDate?: Date | null;

  @Field(() => Boolean, { simple: true, description: 'Whether it lies in the trash.' })
  @prop({ type: () => Boolean, required: true })
  isDeleted!: boolean;

  @Field(() => DateTime, { simple: true, nullable: true, description: 'When it was put into the trash.' })
  @prop({ type: () => Date })
  deletedAt?: Date | null;

  @Field(() => DateTime, { simple: true, description: 'When the upload began.' })
  createdAt!: Date;

  @Field(() => DateTime, { simple: true, description: 'When the file’s facts last changed.' })
  updatedAt!: Date;
}

function listIndexes(): ClassDecorator {
  return (target) => {
    for (const field of Object.values(FILE_SORT_FIELDS)) {
      index(
        { userId: 1, isDeleted: 1, [field]: 1, _id: 1 },
        { partialFilterExpression: LISTED, name: listIndex('own', field) },
      )(target as never);
      index(
        { userId: 1, folder: 1, isDeleted: 1, [field]: 1, _id: 1 },
        { partialFilterExpression: LISTED, name: listIndex('folder', field) },
      )(target as never);
      index(
        { isPublic: 1, isDeleted: 1, [field]: 1, _id: 1 },
        { partialFilterExpression: { ...LISTED, isPublic: true }, name: listIndex('public', field) },
      )(target as never);
    }
  };
}
