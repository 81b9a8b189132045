// Runs in a child process.
import { hasCode } from '../errors.ts';
import { type ImageFacts, imageFacts } from '../images/image-facts.ts';
import { MOST_IMAGE_BYTES } from '../images/image-loaders.ts';
import type { RemoteContent } from '../isolated/child-messages.ts';
import { boundedCount, boundedFacts } from './bounded-facts.ts';
import type { ContentMetadata } from './content-metadata.ts';
import { exifFacts } from './exif-facts.ts';

const JPEG = 'image/jpeg';
const SVG = 'image/svg+xml';
const MOST_SVG_BYTES = 8 * 1024 * 1024;
// A JPEG says everything before its first pixel; elsewhere Exif data may come last.
const HEAD_BYTES = 1024 * 1024;

/** What an image says of itself. */
export async function work(
  content: RemoteContent,
  { mimeType, keepLocation }: { mimeType: string; keepLocation: boolean },
): Promise<ContentMetadata> {
  const { width, height, pages, exif } = await factsOf(content, mimeType);
  const extra = boundedFacts({
    ...(exif && exifFacts(exif, keepLocation)),
    pages: pages > 1 ? boundedCount(pages) : null,
  });
  return { width, height, ...(extra && { extra }) };
}

async function factsOf(content: RemoteContent, mimeType: string): Promise<ImageFacts> {
  if (mimeType === JPEG && content.size > HEAD_BYTES) {
    try {
      return await imageFacts(await content.read(0, HEAD_BYTES - 1), mimeType);
    } catch (error) {
      if (!hasCode(error, 'BAD_USER_INPUT')) throw error;
    }
  }
  const most = mimeType === SVG ? MOST_SVG_BYTES : MOST_IMAGE_BYTES;
  return imageFacts(await content.whole(most), mimeType);
}
