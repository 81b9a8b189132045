import { index, modelOptions, prop } from '@typegoose/typegoose';
import type { Types } from 'mongoose';
import { BlobEncryption } from './blob-encryption.ts';
import { Claim } from './claim.ts';
import { FileMetadata, VirusScan } from './file-details.ts';
import { Leftover, Place } from './place.ts';
import { Preview } from './preview.ts';
import { ProcessingFailure } from './processing-failure.ts';

/**
 * The content itself, stored once; many files may share one. Unique on hash and size among live blobs, and only
 * hashes that the server computed over bytes it received are ever looked up here. As a Place it is the copy that is
 * read first.
 */
@index({ hash: 1, size: 1 }, { unique: true, partialFilterExpression: { live: true }, name: 'live_content' })
@index({ key: 1 }, { unique: true, name: 'key' })
@index({ 'claims.at': 1 }, { sparse: true, name: 'unsettled_claims' })
@index({ unreferencedAt: 1 }, { sparse: true, name: 'unreferenced' })
@index({ provider: 1, _id: 1 }, { name: 'by_provider' })
@index({ provider: 1, size: 1 }, { name: 'stored_bytes' })
@index({ 'replicas.key': 1 }, { sparse: true, name: 'replica_key' })
@index({ copyDueAt: 1 }, { sparse: true, name: 'copies_due' })
@index({ 'leftovers.deleteAfter': 1 }, { sparse: true, name: 'leftovers' })
@index({ scanDueAt: 1 }, { sparse: true, name: 'scans_due' })
@index({ isVerdictUntold: 1, scanDueAt: 1 }, { sparse: true, name: 'untold_verdicts' })
@index(
  { threat: 1, scannedFor: 1, scanDueAt: 1 },
  { partialFilterExpression: { refCount: { $gt: 0 } }, name: 'by_scanner' },
)
@index({ hash: 1 }, { partialFilterExpression: { live: false }, name: 'unshared_content' })
@index(
  { size: 1, hash: 1 },
  {
    unique: true,
    partialFilterExpression: { quarantinedAt: { $gt: new Date(0) } },
    name: 'quarantined_content',
  },
)
@index({ 'encryption.keyId': 1 }, { sparse: true, name: 'by_master_key' })
@index({ 'previews.encryption.keyId': 1 }, { sparse: true, name: 'previews_by_master_key' })
@index({ 'previews.key': 1 }, { sparse: true, name: 'preview_key' })
@index({ processingDueAt: 1 }, { sparse: true, name: 'processing_due' })
@index({ 'processingFailure.at': 1 }, { sparse: true, name: 'unprocessable' })
@modelOptions({ schemaOptions: { collection: 'blobs', timestamps: true, versionKey: false } })
export class Blob extends Place {
  _id!: Types.ObjectId;

  /** SHA-256 of the plain content, lower-case hex. */
  @prop({ type: () => String, required: true })
  hash!: string;

  /** Bytes. */
  @prop({ type: () => Number, required: true })
  size!: number;

  /** Absent while its copies are the plain content. */
  @prop({ type: () => BlobEncryption, _id: false })
  encryption?: BlobEncryption;

  /** What a scanner last said of the content; absent before. */
  @prop({ type: () => VirusScan, _id: false })
  virus?: VirusScan;

  /** When a scanner is to look at it, or its files are to be told the verdict; absent while nothing has to. */
  @prop({ type: () => Date })
  scanDueAt?: Date;

  /** The scanner, with the version of its signatures, that was last shown it, whether it could tell or not. */
  @prop({ type: () => String })
  scannedFor?: string;

  /** How often scanning it has failed in a row. */
  @prop({ type: () => Number })
  scanTries?: number;

  /** True while files may not know of the verdict yet. */
  @prop({ type: () => Boolean })
  isVerdictUntold?: boolean;

  /** What was found in it; absent unless it is infected. */
  @prop({ type: () => String })
  threat?: string;

  /** Set on the one blob that takes in further files of an infected content; it is never live. */
  @prop({ type: () => Date })
  quarantinedAt?: Date;

  /** When an administrator let it out of quarantine, or let it be served unscanned. */
  @prop({ type: () => Date })
  releasedAt?: Date;

  /** What may be found in it, since an administrator knows better. */
  @prop({ type: () => [String], default: undefined })
  releasedThreats?: string[];

  /** The other copies, each verified when it was made. */
  @prop({ type: () => [Place], default: undefined, _id: false })
  replicas?: Place[];

  /** Objects of this blob that are no copies: each is named here before it is written, and until it is gone. */
  @prop({ type: () => [Leftover], default: undefined, _id: false })
  leftovers?: Leftover[];

  /** Small pictures of it, kept as objects of their own. */
  @prop({ type: () => [Preview], default: undefined })
  previews?: Preview[];

  /** Facts that processing found; absent before. */
  @prop({ type: () => FileMetadata, _id: false })
  metadata?: FileMetadata;

  /** Folded words of it, each once, 2,000 at most; absent before they were read, and of encrypted contents. */
  @prop({ type: () => [String], default: undefined, select: false })
  textWords?: string[];

  /** When it was processed; absent before. */
  @prop({ type: () => Date })
  processedAt?: Date;

  /** That processing it was given up; absent unless it was. */
  @prop({ type: () => ProcessingFailure, _id: false })
  processingFailure?: ProcessingFailure;

  /** How often processing it was begun without an end. */
  @prop({ type: () => Number })
  processingTries?: number;

  /** When it was found that it is to be processed once more, and its files are to be told; absent otherwise. */
  @prop({ type: () => Date })
  processingDueAt?: Date;

  /** When a copy is next to be made or repaired, or its files are to be told where it lies; absent while nothing has to. */
  @prop({ type: () => Date })
  copyDueAt?: Date;

  /** How often that has failed in a row. */
  @prop({ type: () => Number })
  copyTries?: number;

  /** When the copy that is read first was found missing or short; absent once it is whole again. */
  @prop({ type: () => Date })
  damagedAt?: Date;

  /** When no copy was left; its files are FAILED since. */
  @prop({ type: () => Date })
  lostAt?: Date;

  /** How many files refer to it, running uploads included. */
  @prop({ type: () => Number, required: true })
  refCount!: number;

  /** False once the janitor began to delete it: no new file may refer to it from then on. */
  @prop({ type: () => Boolean, required: true })
  live!: boolean;

  /** When refCount last fell to 0; null while files refer to it. */
  @prop({ type: () => Date })
  unreferencedAt?: Date | null;

  @prop({ type: () => [Claim], default: undefined, _id: false })
  claims?: Claim[];

  createdAt!: Date;
  updatedAt!: Date;
}
