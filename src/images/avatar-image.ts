import sharp, { type Sharp } from 'sharp';
import { AppError } from '../errors.ts';

/** The most pixels along each side of an avatar. */
export const AVATAR_SIDE = 512;

// A file of a few KiB can stand for gigabytes of pixels: these are decoded in 200 MB at most.
const MOST_PIXELS = 50_000_000;
const MOST_SECONDS = 20;
const QUALITY = 82;

// libvips knows dozens of formats, some of which run scripts, read other files or parse XML. Decoding happens in this
// process, so only the five that browsers and phones make can be decoded at all, by whatever name they come.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadNsgifBuffer',
    'VipsForeignLoadHeifBuffer',
  ],
});
// Each image is seen once; what it took is given back at once.
sharp.cache(false);
// Threads of one picture would take those of file reads and password hashes.
sharp.concurrency(1);

/**
 * The picture in these bytes as a square WebP of at most 512 pixels a side: upright, cut to its middle, never enlarged,
 * without any metadata. UNSUPPORTED_MEDIA_TYPE for what is not a PNG, JPEG, WebP, GIF or AVIF; BAD_USER_INPUT for one
 * that is damaged or has too many pixels.
 */
export async function avatarImage(bytes: Buffer): Promise<Buffer> {
  const { width, height } = await sizeOf(bytes);
  const side = Math.min(AVATAR_SIDE, width, height);
  try {
    return await open(bytes)
      .timeout({ seconds: MOST_SECONDS })
      .autoOrient()
      .resize(side, side, { fit: 'cover' })
      .toColourspace('srgb')
      .webp({ quality: QUALITY })
      .toBuffer();
  } catch (cause) {
    throw new AppError('BAD_USER_INPUT', 'The image is damaged.', {
      cause,
      issues: [{ field: 'file', message: 'is damaged' }],
    });
  }
}

async function sizeOf(bytes: Buffer): Promise<{ width: number; height: number }> {
  try {
    const { width, height, format, compression } = await open(bytes).metadata();
    // HEIC shares AVIF’s container; its patents keep most browsers and builds of libvips from it.
    if (format === 'heif' && compression !== 'av1') throw notAnImage();
    if (width * height > MOST_PIXELS) throw tooManyPixels();
    return { width, height };
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw /pixel limit/i.test(String(error)) ? tooManyPixels(error) : notAnImage(error);
  }
}

// Of an animation, the first picture alone. Whoever’s camera writes an odd header has an avatar all the same; pixels
// that are missing are not made up.
function open(bytes: Buffer): Sharp {
  return sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: 'error', pages: 1, sequentialRead: true });
}

const notAnImage = (cause?: unknown) =>
  new AppError('UNSUPPORTED_MEDIA_TYPE', 'An avatar is a PNG, JPEG, WebP, GIF or AVIF image.', { cause });

function tooManyPixels(cause?: unknown): AppError {
  const message = `has more than ${MOST_PIXELS / 1_000_000} million pixels`;
  return new AppError('BAD_USER_INPUT', `The image ${message}.`, {
    cause,
    issues: [{ field: 'file', message }],
  });
}
