import { AppError } from '../../errors.ts';
import { readMetadata } from '../../metadata/read-metadata.ts';
import type { Blob } from '../../models/blob.ts';
import type { FileMetadata } from '../../models/file-details.ts';
import type { ContentSource } from '../../previews/content-source.ts';
import { findTools, type HostTools, missingToolFor } from '../../previews/host-tools.ts';
import { endPreviewProcesses, makePreviews, type PreviewPicture } from '../../previews/preview-maker.ts';
import type { BlobReader } from '../copies/blob-reader.ts';

/** What was made of a content. */
export interface Made {
  readonly pictures: readonly PreviewPicture[];
  readonly metadata: FileMetadata | null;
  /** Why there are no pictures though the type has some, for everybody to read; null where there is nothing to say. */
  readonly refused: string | null;
}

/** Makes what can be made of a content, and reads what can be read from it. */
export interface ContentMaker {
  /** Rejects as its source does, with the signal’s reason, and with what another try may not meet. */
  make(blob: Blob, mimeType: string, signal: AbortSignal): Promise<Made>;
  /** The programs of this host. */
  tools(): Promise<HostTools>;
}

const TOOLS_KNOWN_MS = 60_000;

/** Makes previews and reads metadata in this process and with the programs of its host. */
export class HostMaker implements ContentMaker {
  private readonly reader: Pick<BlobReader, 'open'>;
  private readonly options: { readonly maxPixels: number; readonly keepLocation: boolean };
  private found: Promise<HostTools> | undefined;
  private foundAt = Number.NEGATIVE_INFINITY;

  constructor(
    reader: Pick<BlobReader, 'open'>,
    options: { readonly maxPixels: number; readonly keepLocation: boolean },
  ) {
    this.reader = reader;
    this.options = options;
  }

  async make(blob: Blob, mimeType: string, signal: AbortSignal): Promise<Made> {
    const source: ContentSource = { size: blob.size, open: (range) => this.reader.open(blob, range) };
    const tools = await this.tools();
    const common = { mimeType, signal, tools };
    const { keepLocation, maxPixels } = this.options;
    const facts = await refusable(readMetadata(source, { ...common, keepLocation }));
    signal.throwIfAborted();
    const metadata = facts.made;
    const missing = missingToolFor(mimeType, tools);
    if (missing) {
      const refused = `The host has no ${missing}, without which there is no preview.`;
      return { pictures: [], metadata, refused };
    }
    const { made, refused } = await refusable(makePreviews(source, { ...common, maxPixels }));
    return { pictures: made?.pictures ?? [], metadata, refused };
  }

  /** Ends the processes that wait for more to do. */
  close(): Promise<void> {
    return endPreviewProcesses();
  }

  /** They are looked for once a minute, so that one that was installed is used. */
  tools(): Promise<HostTools> {
    if (!this.found || performance.now() - this.foundAt > TOOLS_KNOWN_MS) {
      this.foundAt = performance.now();
      this.found = findTools();
    }
    return this.found;
  }
}

const FOR_GOOD = ['BAD_USER_INPUT', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];

/** The same, or why it will never be there. */
async function refusable<T>(work: Promise<T | null>): Promise<{ made: T | null; refused: string | null }> {
  try {
    return { made: await work, refused: null };
  } catch (error) {
    if (!(error instanceof AppError) || !FOR_GOOD.includes(error.code)) throw error;
    return { made: null, refused: error.message };
  }
}
