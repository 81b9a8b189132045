// Runs in a child process: see `allowOnly`.
import sharp, { type Sharp, type SharpOptions } from 'sharp';
import { AppError } from '../errors.ts';
import type { RemoteContent } from '../isolated/child-messages.ts';
import { allowOnly, MOST_IMAGE_BYTES } from './image-loaders.ts';

/** How many pixels the longest side of each picture has at most. */
export const PREVIEW_SIDES = [128, 512, 1280] as const;

/** One small picture: WebP. */
export interface PreviewPicture {
  readonly pixels: (typeof PREVIEW_SIDES)[number];
  readonly bytes: Buffer;
  readonly width: number;
  readonly height: number;
}

/** What pictures are made of, by the type that it was found to have. */
export interface PictureOrder {
  readonly mimeType: string;
  readonly maxPixels: number;
}

const SVG = 'image/svg+xml';
const MOST_SVG_BYTES = 8 * 1024 * 1024;
const LARGEST = 1280;
const QUALITY = 80;
// Dots per inch by which a drawing has as many pixels as it says, and the most that libvips takes.
const PLAIN_DENSITY = 72;
const MOST_DENSITY = 72_000;

/**
 * The pictures of an image, smallest first: upright, never enlarged but for a drawing, of an animation its first frame, in
 * sRGB, without any metadata. BAD_USER_INPUT for an image that is damaged or has too many pixels.
 */
export async function work(content: RemoteContent, order: PictureOrder): Promise<PreviewPicture[]> {
  allowOnly(order.mimeType);
  const isDrawing = order.mimeType === SVG;
  const bytes = await content.whole(isDrawing ? MOST_SVG_BYTES : MOST_IMAGE_BYTES);
  try {
    return await pictures(await openImage(bytes, order, isDrawing), order);
  } catch (cause) {
    throw cause instanceof AppError ? cause : unreadable(cause);
  }
}

async function openImage(bytes: Buffer, { maxPixels }: PictureOrder, isDrawing: boolean): Promise<Sharp> {
  // Pixels that are missing are not made up.
  const options: SharpOptions = {
    limitInputPixels: maxPixels,
    failOn: 'error',
    pages: 1,
    sequentialRead: true,
  };
  if (!isDrawing) return sharp(bytes, options);
  if (bytes[0] === 0x1f) throw new AppError('BAD_USER_INPUT', 'A compressed drawing is not read.');
  const { width, height } = await sharp(bytes, options).metadata();
  const density = Math.min(MOST_DENSITY, (PLAIN_DENSITY * LARGEST) / Math.max(width, height));
  return sharp(bytes, { ...options, density: Math.max(1, density) });
}

async function pictures(image: Sharp, { maxPixels }: PictureOrder): Promise<PreviewPicture[]> {
  const { width, height } = await image.metadata();
  if (width * height > maxPixels) throw unreadable(new Error('pixel limit'));
  // The one time that the whole image is decoded; the smaller pictures are made of the largest.
  const { data, info } = await image
    .autoOrient()
    .resize(LARGEST, LARGEST, { fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const raw = { width: info.width, height: info.height, channels: info.channels };
  const made: PreviewPicture[] = [];
  for (const pixels of PREVIEW_SIDES) {
    const whole = made.find((one) => one.width === info.width && one.height === info.height);
    made.push({ ...(whole ?? (await pictureOf(data, raw, pixels))), pixels });
  }
  return made;
}

async function pictureOf(
  data: Buffer,
  raw: { width: number; height: number; channels: 1 | 2 | 3 | 4 },
  pixels: PreviewPicture['pixels'],
): Promise<PreviewPicture> {
  const { data: bytes, info } = await sharp(data, { raw })
    .resize(pixels, pixels, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: QUALITY })
    .toBuffer({ resolveWithObject: true });
  return { pixels, bytes, width: info.width, height: info.height };
}

function unreadable(cause: unknown): AppError {
  const isLarge = /pixel limit/i.test(String(cause));
  const message = isLarge ? 'The image has too many pixels.' : 'The image is damaged.';
  return new AppError('BAD_USER_INPUT', message, { cause });
}
