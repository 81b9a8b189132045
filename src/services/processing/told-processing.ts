import type { Blob } from '../../models/blob.ts';
import type { FileMetadata } from '../../models/file-details.ts';
import { ProcessingStatus } from '../../models/file-enums.ts';
import { canPreview, type HostTools } from '../../previews/host-tools.ts';

type Processed = Pick<Blob, 'size'> & Partial<Pick<Blob, 'metadata' | 'processedAt' | 'processingFailure'>>;

/** What a file tells of the processing of its content. */
export interface ProcessingTold {
  readonly processingStatus: ProcessingStatus;
  readonly processingError: string | null;
  readonly metadata: FileMetadata | null;
}

// What one host lacks another may have: whether a content waits for processing is no matter of the node that took it in.
const EVERY_TOOL: HostTools = { pdftoppm: 'pdftoppm', ffmpeg: 'ffmpeg', ffprobe: 'ffprobe' };
const WITH_FACTS = /^(?:image|audio|video)\//;

/** Whether anything can be made of contents of this type, or read from them, on a host with every program. */
export function isProcessable(mimeType: string): boolean {
  return WITH_FACTS.test(mimeType) || canPreview(mimeType, EVERY_TOOL);
}

/** What a file tells whose content is this blob, by the blob’s document: PENDING where the content is still to be processed. */
export function processingTold(blob: Processed, mimeType: string): ProcessingTold {
  const { processedAt, processingFailure, metadata = null } = blob;
  const told = (processingStatus: ProcessingStatus, processingError: string | null = null) => ({
    processingStatus,
    processingError,
    metadata: processingStatus === ProcessingStatus.PENDING ? null : metadata,
  });
  if (processingFailure) return told(ProcessingStatus.FAILED, processingFailure.told);
  if (processedAt || blob.size === 0 || !isProcessable(mimeType)) return told(ProcessingStatus.COMPLETED);
  return told(ProcessingStatus.PENDING);
}

/** Whether a file that tells this has a content to be processed now; what waits for a scan waits for that first. */
export function isToBeProcessed(file: Partial<ProcessingTold> & { isAwaitingScan?: boolean }): boolean {
  return file.processingStatus === ProcessingStatus.PENDING && !file.isAwaitingScan;
}
