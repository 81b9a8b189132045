import type { BlobStore } from '../../blobs/blob-store.ts';
import type { Blob } from '../../models/blob.ts';
import { ProcessingStatus, UploadStatus } from '../../models/file-enums.ts';
import { ObjectId } from '../../models/object-id.ts';
import { placedAt } from '../copies/blob-files.ts';
import type { IntakeResult } from '../uploads/upload-intake.ts';
import { cleanFileName, extensionOf, nameWordsOf, sortNameOf } from './file-names.ts';

/** What a client may say of a file it uploads. */
export interface UploadFacts {
  readonly description?: string | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly isPublic?: boolean | null | undefined;
  readonly expiryDate?: Date | null | undefined;
  /** Hex SHA-256 that the content must have. */
  readonly sha256?: string | null | undefined;
}

/** The fields that follow from a file’s name. */
export function nameFields(name: string) {
  return {
    originalName: name,
    sortName: sortNameOf(name),
    nameWords: nameWordsOf(name),
    fileExtension: extensionOf(name),
  };
}

/**
 * A file’s document before its first byte; `uploadKey` lets the sweep find bytes that a crash leaves. Without one it
 * is a file that is only announced.
 */
export function draftOf(
  userId: ObjectId,
  clientName: string,
  facts: UploadFacts,
  store: BlobStore,
  uploadKey?: string,
) {
  const _id = new ObjectId();
  const now = new Date();
  const name = nameFields(cleanFileName(clientName));
  return {
    _id,
    userId,
    ...name,
    fileName: name.fileExtension ? `${_id.toHexString()}.${name.fileExtension}` : _id.toHexString(),
    fileSize: 0,
    mimeType: 'application/octet-stream',
    fileHash: '',
    description: facts.description ?? null,
    tags: cleanTags(facts.tags ?? []),
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
    ...(uploadKey && { uploadKey }),
    heartbeatAt: now,
    createdAt: now,
    updatedAt: now,
  };
}

/** A draft as `draftOf` makes it. */
export type FileDraft = ReturnType<typeof draftOf>;

/**
 * The one update that makes a draft a file; nothing processes contents yet, so nothing is left to do after it but,
 * where there is a `tidyBy`, to remove what the upload left: the sweep looks for that from then on.
 */
export function completion(
  result: IntakeResult,
  blob: Pick<Blob, '_id' | 'provider' | 'location' | 'encryption'>,
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
      processingStatus: ProcessingStatus.COMPLETED,
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
