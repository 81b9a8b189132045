import type { Stores } from '../../blobs/stores.ts';
import type { ErrorCode } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { StoredFile } from '../../models/file.ts';
import type { VirusScan } from '../../models/file-details.ts';
import { ProcessingStatus, UploadStatus } from '../../models/file-enums.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { UploadPhase, type UploadState } from '../../models/upload-state.ts';

/** Whether the second copy of a content is there. */
export type BackupStanding = 'NONE' | 'WAITING' | 'DONE';

/** How far a named upload has come. */
export interface UploadStanding {
  readonly clientUploadId: string;
  readonly fileId: string;
  readonly phase: UploadPhase;
  readonly receivedBytes: number;
  /** Null while it is not known. */
  readonly totalBytes: number | null;
  readonly stored: boolean;
  /** Null until it is stored. */
  readonly scan: VirusScan | null;
  /** Null until it is stored. */
  readonly processingStatus: ProcessingStatus | null;
  readonly backup: BackupStanding;
  readonly errorCode: ErrorCode | null;
  readonly at: Date;
}

type Facts = Pick<
  StoredFile,
  'uploadStatus' | 'processingStatus' | 'virus' | 'isAwaitingScan' | 'backupLocation' | 'storageProvider'
> &
  Pick<StoredFile, 'quarantinedAt' | 'updatedAt'>;

const FACTS = {
  ...{ uploadStatus: 1, processingStatus: 1, virus: 1, isAwaitingScan: 1, backupLocation: 1 },
  ...{ storageProvider: 1, quarantinedAt: 1, updatedAt: 1 },
} as const;

const ENDS: readonly UploadPhase[] = [UploadPhase.COMPLETED, UploadPhase.FAILED, UploadPhase.CANCELLED];
const PROCESSED: readonly ProcessingStatus[] = [ProcessingStatus.COMPLETED, ProcessingStatus.FAILED];
// The state of an upload and its document are not written at once.
const DOCUMENT_MS = 30_000;

/** Whether nothing more will come of it. */
export const hasEnded = ({ phase }: UploadStanding): boolean => ENDS.includes(phase);

/** Tells how far named uploads have come: until one is stored by its state, and from then on by its file. */
export class UploadStandings {
  private readonly states: Collections['uploadStates'];
  private readonly files: Collections['files'];
  private readonly stores: Pick<Stores, 'backup'>;

  constructor(
    { uploadStates, files }: Pick<Collections, 'uploadStates' | 'files'>,
    stores: Pick<Stores, 'backup'>,
  ) {
    this.states = uploadStates;
    this.files = files;
    this.stores = stores;
  }

  /** The upload that this account calls so; null where there was none in the last day. */
  async find(userId: ObjectId, clientUploadId: string): Promise<UploadStanding | null> {
    const state = await this.states
      .findOne({ userId, clientUploadId, expiresAt: { $gt: new Date() } })
      .lean();
    if (!state) return null;
    const known = this.byState(state);
    if (hasEnded(known)) return known;
    const file = await this.files.findById(state.file, FACTS).lean<Facts>();
    if (state.phase === UploadPhase.STORED) return file ? this.byFile(known, file) : removed(known);
    return file || Date.now() - state.updatedAt.getTime() < DOCUMENT_MS ? known : lost(known);
  }

  private byState(state: UploadState): UploadStanding {
    return {
      clientUploadId: state.clientUploadId,
      fileId: state.file.toHexString(),
      phase: state.phase,
      receivedBytes: state.receivedBytes,
      totalBytes: state.totalBytes ?? null,
      stored: state.phase === UploadPhase.STORED,
      scan: null,
      processingStatus: null,
      backup: this.stores.backup ? 'WAITING' : 'NONE',
      errorCode: (state.errorCode as ErrorCode | undefined) ?? null,
      at: state.updatedAt,
    };
  }

  private byFile(known: UploadStanding, file: Facts): UploadStanding {
    const { virus: scan, processingStatus } = file;
    const backup = this.backupOf(file);
    const at = new Date(Math.max(file.updatedAt.getTime(), known.at.getTime()));
    const told = { ...known, scan, processingStatus, backup, at };
    if (file.quarantinedAt || file.uploadStatus !== UploadStatus.COMPLETED) {
      const errorCode = file.quarantinedAt ? 'INFECTED' : 'STORAGE_UNAVAILABLE';
      return { ...told, phase: UploadPhase.FAILED, stored: false, errorCode };
    }
    return { ...told, phase: phaseOf(file, backup) };
  }

  private backupOf({ backupLocation, storageProvider }: Facts): BackupStanding {
    const { backup } = this.stores;
    if (backupLocation) return 'DONE';
    return backup && backup.provider !== storageProvider ? 'WAITING' : 'NONE';
  }
}

function phaseOf({ isAwaitingScan, processingStatus }: Facts, backup: BackupStanding): UploadPhase {
  if (isAwaitingScan) return UploadPhase.SCANNING;
  if (processingStatus === ProcessingStatus.PENDING) return UploadPhase.STORED;
  if (!PROCESSED.includes(processingStatus)) return UploadPhase.PROCESSING;
  return backup === 'WAITING' ? UploadPhase.BACKING_UP : UploadPhase.COMPLETED;
}

/** It was all there once, and then somebody removed it: nothing is left to do. */
const removed = (known: UploadStanding): UploadStanding => ({ ...known, phase: UploadPhase.COMPLETED });

/** Who took it in died, and what it left was swept away. */
const lost = (known: UploadStanding): UploadStanding => ({
  ...known,
  phase: UploadPhase.FAILED,
  errorCode: 'CONFLICT',
});
