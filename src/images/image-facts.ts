// Runs in a child process: see `allowOnly`.
import sharp from 'sharp';
import { AppError } from '../errors.ts';
import { allowOnly } from './image-loaders.ts';

/** What an image says of itself. */
export interface ImageFacts {
  /** Pixels, as it is to be looked at: upright. */
  readonly width: number;
  readonly height: number;
  /** How many frames or pages it has. */
  readonly pages: number;
  /** Its Exif data, as they are; absent where it has none. */
  readonly exif?: Buffer;
}

/** What an image of this type says of itself, without decoding its pixels; BAD_USER_INPUT for one that is damaged. */
export async function imageFacts(bytes: Buffer, mimeType: string): Promise<ImageFacts> {
  allowOnly(mimeType);
  try {
    const found = await sharp(bytes, { limitInputPixels: false, failOn: 'none' }).metadata();
    const { width, height } = found.autoOrient;
    return { width, height, pages: found.pages ?? 1, ...(found.exif && { exif: found.exif }) };
  } catch (cause) {
    throw new AppError('BAD_USER_INPUT', 'The image is damaged.', { cause });
  }
}
