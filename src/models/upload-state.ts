import { index, modelOptions, prop } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { registerEnumType } from 'type-graphql';

/** What a named upload waits for, or how it ended. */
export enum UploadPhase {
  RECEIVING = 'RECEIVING',
  SCANNING = 'SCANNING',
  STORED = 'STORED',
  PROCESSING = 'PROCESSING',
  BACKING_UP = 'BACKING_UP',
  COMPLETED = 'COMPLETED',
  FAILED = 'FAILED',
  CANCELLED = 'CANCELLED',
}

registerEnumType(UploadPhase, {
  name: 'UploadPhase',
  description: 'What an upload waits for, or how it ended.',
  valuesConfig: {
    RECEIVING: { description: 'For bytes.' },
    SCANNING: { description: 'Every byte has come; for what the virus scanner says of them.' },
    STORED: { description: 'The file is there; for its turn to be processed.' },
    PROCESSING: { description: 'Previews and metadata are being made.' },
    BACKING_UP: { description: 'For the second copy, which is made here of every content.' },
    COMPLETED: { description: 'Ended: nothing is left to do.' },
    FAILED: { description: 'Ended with the error in `errorCode`; nothing of it is left.' },
    CANCELLED: {
      description: 'Ended by the client, which went away or took it back; nothing of it is left.',
    },
  },
});

/**
 * How far an upload has come that its client named, kept for a day for clients that lost the connection meanwhile. Once
 * it is STORED, what more is to be told of it stands in its file.
 */
@index({ userId: 1, clientUploadId: 1 }, { unique: true, name: 'named_upload' })
@index({ expiresAt: 1 }, { expireAfterSeconds: 0, name: 'ttl' })
@modelOptions({ schemaOptions: { collection: 'uploadstates', timestamps: true, versionKey: false } })
export class UploadState {
  _id!: Types.ObjectId;

  /** Who sends it, whosever the file will be. */
  @prop({ type: () => Types.ObjectId, required: true })
  userId!: Types.ObjectId;

  @prop({ type: () => String, required: true })
  clientUploadId!: string;

  @prop({ type: () => Types.ObjectId, required: true })
  file!: Types.ObjectId;

  @prop({ type: () => String, enum: UploadPhase, required: true })
  phase!: UploadPhase;

  /** Bytes received when this was written. */
  @prop({ type: () => Number, required: true })
  receivedBytes!: number;

  /** Bytes in all, where they are known. */
  @prop({ type: () => Number })
  totalBytes?: number;

  /** The code of the error it failed with. */
  @prop({ type: () => String })
  errorCode?: string;

  @prop({ type: () => Date, required: true })
  expiresAt!: Date;

  createdAt!: Date;
  updatedAt!: Date;
}
