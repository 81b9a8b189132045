import type { BlobStore } from '../../blobs/blob-store.ts';
import type { Blob } from '../../models/blob.ts';
import { ProcessingStatus, UploadStatus } from '../../models/file-enums.ts';
import { ObjectId } from '../../models/object-id.ts';
import { wordFields } from '../../texts/described-words.ts';
import { placedAt } from '../copies/blob-files.ts';
import { processingTold } from '../processing/told-processing.ts';
import type { Destination } from '../uploads/destination.ts';
import type { IntakeResult } from '../uploads/upload-intake.ts';
import { cleanFileName, extensionOf, sortNameOf } from './file-names.ts';

/** What a client may say of a file it uploads. */
export interface UploadFacts {
  readonly description?: string | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly isPublic?: boolean | null | undefined;
  readonly expiryDate?: Date | null | undefined;
  /** Hex SHA-256 that the content must have. */
  readonly sha256?: string | null | undefined;
  /** What the client calls the upload. */
  readonly clientUploadId?: string | null | undefined;
}

/** The fields that follow from a file’s name. */
export function nameFields(name: string) {
  return {
    originalName: name,
    sortName: sortNameOf(name),
    fileExtension: extensionOf(name),
  };
}

/**
 * A file’s document before its first byte; `uploadKey` lets the sweep find bytes that a crash leaves. Without one it
 * is a file that is only announced.
 */
export function draftOf(
  to: Destination,
  clientName: string,
  facts: UploadFacts,
  store: BlobStore,
  uploadKey?: string,
) {
  const _id = to.id ?? new ObjectId();
  const now = new Date();
  const name = nameFields(cleanFileName(clientName));
  const tags = cleanTags(facts.tags ?? []);
  const description = facts.description ?? null;
  return {
    _id,
    userId: to.owner,
    folder: to.folder,
    ...name,
    fileName: name.fileExtension ? `${_id.toHexString()}.${name.fileExtension}` : _id.toHexString(),
    fileSize: 0,
    mimeType: 'application/octet-stream',
    fileHash: '',
    description,
    tags,
    ...wordFields({ ...name, tags, description }),
    isPublic: facts.isPublic ?? false,
    downloadCount: 0,
    lastDownloaded: null,
    metadata: null,
    uploadStatus: uploadKey ? UploadStatus.UPLOADING : UploadStatus.PENDING,
    uploadProgress: 0,
    processingStatus: ProcessingStatus.PENDING,
    storageProvider: store.provider,
    storageLocation: store.location,
    encryption: { isEncrypted: false, algorithm: null, keyId: null },
    virus: { isScanned: false, isClean: false, scanDate: null, scanEngine: null },
    access: { canView: true, canDownload: true, canShare: true, canDelete: true },
    expiryDate: facts.expiryDate ?? null,
    isDeleted: false,
    deletedAt: null,
    ...(facts.clientUploadId && { clientUploadId: facts.clientUploadId }),
    ...(uploadKey && { uploadKey }),
    heartbeatAt: now,
    createdAt: now,
    updatedAt: now,
  };
}

/** A draft as `draftOf` makes it. */
export type FileDraft = ReturnType<typeof draftOf>;

/**
 * The one update that makes a draft a file. What is left to do after it, it says itself: a PENDING content is to be
 * processed, and where there is a `tidyBy`, the sweep removes what the upload left from then on.
 */
export function completion(
  result: IntakeResult,
  blob: Pick<Blob, '_id' | 'provider' | 'location' | 'encryption'> &
    Partial<Pick<Blob, 'metadata' | 'processedAt' | 'processingFailure'>>,
  tidyBy?: Date,
) {
  return {
    set: {
      fileSize: result.size,
      fileHash: result.hash,
      mimeType: result.mimeType,
      blob: blob._id,
      ...placedAt(blob),
      uploadStatus: UploadStatus.COMPLETED,
      uploadProgress: 100,
      ...processingTold({ ...blob, size: result.size }, result.mimeType),
      updatedAt: new Date(),
      ...(tidyBy && { heartbeatAt: tidyBy }),
    },
    unset: { uploadKey: '', ...(!tidyBy && { heartbeatAt: '' }) },
  } as const;
}

/** Tags as they are stored: NFC, trimmed, each once, in the order given. */
export function cleanTags(tags: readonly string[]): string[] {
  return [...new Set(tags.map((tag) => tag.normalize('NFC').trim()))];
}
