import { prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { DirectUpload } from './direct-upload.ts';
import { FileVersion } from './file-version.ts';

/** What the service keeps of a file to look after it: where it lies, what its content is, what is still to be done. */
export abstract class FileUpkeep {
  @prop({ type: () => String, required: true, select: false })
  storageLocation!: string;

  /** Where the second copy lies, as `provider:location`; null while there is none. */
  @prop({ type: () => String, select: false })
  backupLocation?: string | null;

  /** The folder it lies in; null, or absent in old documents, for one in the root. */
  @prop({ type: () => Types.ObjectId })
  folder?: Types.ObjectId | null;

  /** The folder whose deletion put it into the trash; absent where it was deleted by itself. */
  @prop({ type: () => Types.ObjectId, select: false })
  trashedWith?: Types.ObjectId;

  /** The id of the present content, which claims on quota and blob name; absent while it is the one it was made with. */
  @prop({ type: () => Types.ObjectId, select: false })
  contentId?: Types.ObjectId;

  /** Every content it has, the present one too, but the one it was made with. */
  @prop({ type: () => [Types.ObjectId], default: undefined, select: false })
  contents?: Types.ObjectId[];

  /** Uploads that may yet become its content; one that is not named here any more was given up. */
  @prop({ type: () => [Types.ObjectId], default: undefined, select: false })
  incomingContents?: Types.ObjectId[];

  /** The file that this document, which never becomes one itself, brings a new content of. */
  @prop({ type: () => Types.ObjectId, select: false })
  versionOf?: Types.ObjectId;

  /** Earlier contents, the newest first. */
  @prop({ type: () => [FileVersion], default: undefined, select: false })
  versions?: FileVersion[];

  /** When the present content came; absent while it is the one it was made with. */
  @prop({ type: () => Date })
  contentAt?: Date;

  /** Who brought the present content; absent while it is the one it was made with. */
  @prop({ type: () => Types.ObjectId, select: false })
  contentBy?: Types.ObjectId;

  /** Who announced it, where that is not the owner. */
  @prop({ type: () => Types.ObjectId, select: false })
  uploadedBy?: Types.ObjectId;

  /** What the client called the upload. */
  @prop({ type: () => String, select: false })
  clientUploadId?: string;

  /** The content; absent until the upload is COMPLETED. */
  @prop({ type: () => Types.ObjectId })
  blob?: Types.ObjectId;

  /** The key this upload writes under, until it is known whether a blob keeps it. */
  @prop({ type: () => String, select: false })
  uploadKey?: string;

  /** What a direct upload was told and left in the store; absent once nothing of it can be there any more. */
  @prop({ type: () => DirectUpload, select: false, _id: false })
  direct?: DirectUpload;

  /** When an unfinished upload last showed life, or is to; absent once it is COMPLETED and tidied. */
  @prop({ type: () => Date, select: false })
  heartbeatAt?: Date;

  /** When its content was found lost; it is FAILED since, and COMPLETED again once the content is back. */
  @prop({ type: () => Date, select: false })
  lostAt?: Date;

  /** When its content was found infected; it is FAILED since, seen by administrators only, and never served. */
  @prop({ type: () => Date, select: false })
  quarantinedAt?: Date;

  /** What was found in its content. */
  @prop({ type: () => String, select: false })
  threat?: string;

  /** When the administrators were told of it. */
  @prop({ type: () => Date, select: false })
  quarantineToldAt?: Date;

  /** True while nobody may have the content, since no scanner could look at it yet. */
  @prop({ type: () => Boolean })
  isAwaitingScan?: boolean;

  /**
   * The folded words of its name, then those of its tags, then those of its description, each once, 300 at most; and after
   * them, each behind a sign of its own, those of its content that are kept.
   */
  @prop({ type: () => [String], default: undefined, select: false })
  words?: string[];

  /** Where in `words` those of the name end, and those of the tags. */
  @prop({ type: () => [Number], default: undefined, select: false })
  wordEnds?: number[];

  /** The blob that was looked into for words. */
  @prop({ type: () => Types.ObjectId, select: false })
  contentWordsOf?: Types.ObjectId;

  /** When its content is to be looked into for words; absent while it is not. */
  @prop({ type: () => Date, select: false })
  contentWordsDueAt?: Date;

  /** Set while the file is being removed for good; nobody sees it any more. */
  @prop({ type: () => Date })
  purgingAt?: Date;
}
