import { Readable } from 'node:stream';
import { AppError } from '../errors.ts';
import type * as previewPictures from '../images/preview-pictures.ts';
import type { PreviewPicture } from '../images/preview-pictures.ts';
import { endIdleChildren, isolatedTask, runIsolated } from '../isolated/isolated-work.ts';
import type { ContentSource } from './content-source.ts';
import { filmFrame } from './film-frame.ts';
import { canPreview, type HostTools } from './host-tools.ts';
import { pdfPage } from './pdf-page.ts';

export type { PreviewPicture };

/** How pictures are made. */
export interface PreviewOptions {
  /** The type that the content was found to have; it decides by which rules the content is read. */
  readonly mimeType: string;
  /** Images with more pixels are not decoded. */
  readonly maxPixels: number;
  /** The one thing that ends a content that never ends. */
  readonly signal: AbortSignal;
  readonly tools: HostTools;
}

const PICTURES = isolatedTask<typeof previewPictures>(import.meta.url, '../images/preview-pictures');
const LARGEST = 1280;
const MEBIBYTE = 1024 * 1024;
// The process itself with its libraries; and for each pixel its decoded form and a turned copy.
const PROCESS_BYTES = 256 * MEBIBYTE;
const PIXEL_BYTES = 8;

/**
 * The pictures of a content, smallest first and of equal bytes where it is no larger; null where none can be made of its
 * type. BAD_USER_INPUT or PAYLOAD_TOO_LARGE for a content of which none will ever be made: damaged, too large, or not
 * what its type says. Any other failure may pass. On an abort it rejects with the signal’s reason and leaves nothing running.
 */
export async function makePreviews(
  source: ContentSource,
  options: PreviewOptions,
): Promise<{ pictures: PreviewPicture[] } | null> {
  const { mimeType, tools, signal, maxPixels } = options;
  if (!canPreview(mimeType, tools)) return null;
  signal.throwIfAborted();
  if (source.size === 0) throw new AppError('BAD_USER_INPUT', 'The content is empty.');
  const still = await stillOf(source, options);
  if (!still) return { pictures: await draw(source, mimeType, { maxPixels, signal }) };
  if (still.length === 0) throw new AppError('BAD_USER_INPUT', 'The content shows nothing.');
  const pictures = await draw(inMemory(still), 'image/png', { maxPixels: 4 * LARGEST * LARGEST, signal });
  return { pictures };
}

/** Ends the processes that pictures were made in and that wait for more; the next picture begins another one. */
export function endPreviewProcesses(): Promise<void> {
  return endIdleChildren();
}

/** The image that stands for what is none itself; null for an image. */
async function stillOf(source: ContentSource, options: PreviewOptions): Promise<Buffer | null> {
  const { mimeType, maxPixels, signal, tools } = options;
  const { ffmpeg, pdftoppm } = tools;
  if (mimeType === 'application/pdf' && pdftoppm) return pdfPage(source, { pdftoppm, side: LARGEST, signal });
  if (!mimeType.startsWith('video/') || !ffmpeg) return null;
  return filmFrame(source, { mimeType, maxPixels, side: LARGEST, signal, tools: { ...tools, ffmpeg } });
}

function draw(
  source: ContentSource,
  mimeType: string,
  { maxPixels, signal }: { maxPixels: number; signal: AbortSignal },
): Promise<PreviewPicture[]> {
  const mostMemory = PROCESS_BYTES + PIXEL_BYTES * maxPixels + 2 * source.size;
  return runIsolated(PICTURES, { mimeType, maxPixels }, source, { signal, mostMemory });
}

function inMemory(bytes: Buffer): ContentSource {
  return {
    size: bytes.length,
    open: async ({ start, end } = { start: 0, end: bytes.length - 1 }) =>
      Readable.from([bytes.subarray(start, end + 1)]),
  };
}
