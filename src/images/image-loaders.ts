import sharp from 'sharp';
import { AppError } from '../errors.ts';

/** Which decoder of libvips reads each type that pictures can be made of. */
const LOADERS: Readonly<Record<string, string>> = {
  'image/png': 'VipsForeignLoadPngBuffer',
  'image/apng': 'VipsForeignLoadPngBuffer',
  'image/jpeg': 'VipsForeignLoadJpegBuffer',
  'image/webp': 'VipsForeignLoadWebpBuffer',
  'image/gif': 'VipsForeignLoadNsgifBuffer',
  'image/avif': 'VipsForeignLoadHeifBuffer',
  'image/heif': 'VipsForeignLoadHeifBuffer',
  'image/heic': 'VipsForeignLoadHeifBuffer',
  'image/tiff': 'VipsForeignLoadTiffBuffer',
  'image/svg+xml': 'VipsForeignLoadSvgBuffer',
};

// The patents on HEVC keep its decoder from most builds of libvips.
const HEVC = /^image\/hei[fc]$/;

/** The most bytes of an image that are read. */
export const MOST_IMAGE_BYTES = 256 * 1024 * 1024;

/** Whether images of this type can be decoded here. */
export function canDecode(mimeType: string): boolean {
  if (HEVC.test(mimeType)) return (sharp.format.heif?.input.fileSuffix ?? []).includes('.heic');
  return Object.hasOwn(LOADERS, mimeType);
}

/** Whether the size of images of this type can be told here, even if they cannot be decoded. */
export function canMeasure(mimeType: string): boolean {
  return Object.hasOwn(LOADERS, mimeType);
}

/**
 * Lets this process decode images of one type, and none of any other by whatever bytes they begin with, until it is
 * called again: only a process that does nothing else may call it. UNSUPPORTED_MEDIA_TYPE for a type without a decoder.
 */
export function allowOnly(mimeType: string): void {
  const loader = Object.hasOwn(LOADERS, mimeType) ? LOADERS[mimeType] : undefined;
  if (!loader) throw new AppError('UNSUPPORTED_MEDIA_TYPE', `No pictures are made of ${mimeType}.`);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: [loader] });
  sharp.cache(false);
  sharp.concurrency(1);
}
