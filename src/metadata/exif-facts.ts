import readExif, { type Exif } from 'exif-reader';
import { boundedNumber, boundedText } from './bounded-facts.ts';
import { isPlausible } from './exif-weight.ts';

// The most that a JPEG can hold. Whoever writes more does not describe a picture.
const MOST_EXIF_BYTES = 64 * 1024;
const LATITUDE_LIMIT = 90;
const LONGITUDE_LIMIT = 180;

type Tags = Readonly<Record<string, unknown>>;

/** What the camera says of the picture; with `isPrivate` also where it was taken, by whom and with which very device. */
export function exifFacts(exif: Buffer, isPrivate: boolean): Record<string, string | number | null> {
  const found = parse(exif);
  if (!found) return {};
  const image: Tags = found.Image ?? {};
  const photo: Tags = found.Photo ?? {};
  return {
    make: boundedText(image.Make),
    model: boundedText(image.Model),
    lens: boundedText(photo.LensModel),
    software: boundedText(image.Software),
    takenAt: taken(photo, image),
    exposureTime: boundedNumber(photo.ExposureTime),
    fNumber: boundedNumber(photo.FNumber),
    iso: boundedNumber(first(photo.ISOSpeedRatings ?? photo.PhotographicSensitivity)),
    focalLength: boundedNumber(photo.FocalLength),
    ...(isPrivate && privateFacts(found, image, photo)),
  };
}

function privateFacts(found: Exif, image: Tags, photo: Tags): Record<string, string | number | null> {
  const gps: Tags = found.GPSInfo ?? {};
  return {
    latitude: degrees(gps.GPSLatitude, gps.GPSLatitudeRef === 'S', LATITUDE_LIMIT),
    longitude: degrees(gps.GPSLongitude, gps.GPSLongitudeRef === 'W', LONGITUDE_LIMIT),
    altitude: boundedNumber(gps.GPSAltitude),
    artist: boundedText(image.Artist),
    copyright: boundedText(image.Copyright),
    description: boundedText(image.ImageDescription),
    owner: boundedText(photo.CameraOwnerName),
    serialNumber: boundedText(photo.BodySerialNumber),
    lensSerialNumber: boundedText(photo.LensSerialNumber),
  };
}

function parse(exif: Buffer): Exif | null {
  if (exif.length > MOST_EXIF_BYTES || !isPlausible(exif)) return null;
  try {
    return readExif(exif);
  } catch {
    // A picture is none the worse for what was written beside it.
    return null;
  }
}

/** As the camera’s clock said, with its distance from UTC where it knew it. */
function taken(photo: Tags, image: Tags): string | null {
  const at = photo.DateTimeOriginal ?? photo.DateTimeDigitized ?? image.DateTime;
  if (!(at instanceof Date) || Number.isNaN(at.getTime())) return null;
  const offset = photo.OffsetTimeOriginal ?? photo.OffsetTime;
  const known = typeof offset === 'string' && /^[+-]\d\d:\d\d$/.test(offset) ? offset : '';
  return `${at.toISOString().slice(0, 19)}${known}`;
}

function degrees(parts: unknown, isNegative: boolean, limit: number): number | null {
  if (!Array.isArray(parts)) return null;
  const [whole, minutes = 0, seconds = 0] = parts.map(boundedNumber);
  if (typeof whole !== 'number') return null;
  const value = whole + (minutes ?? 0) / 60 + (seconds ?? 0) / 3600;
  return value >= 0 && value <= limit ? boundedNumber(isNegative ? -value : value) : null;
}

const first = (value: unknown): unknown => (Array.isArray(value) ? value[0] : value);
