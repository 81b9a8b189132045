import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { endIdleChildren } from '../../../src/isolated/isolated-work.ts';
import { readMetadata } from '../../../src/metadata/read-metadata.ts';
import { sourceOf } from '../../support/content-sources.ts';
import { blackPng } from '../../support/hostile-images.ts';

const EXIF = {
  IFD0: {
    Make: 'Maker',
    Model: 'Model 5',
    Software: 'Camera 1.2',
    Artist: 'Ann Artist',
    Copyright: 'Ann, 2024',
    ImageDescription: 'At home',
  },
  IFD2: {
    ExposureTime: '1/250',
    FNumber: '28/10',
    ISOSpeedRatings: '400',
    FocalLength: '50/1',
    DateTimeOriginal: '2024:05:06 07:08:09',
    OffsetTimeOriginal: '+02:00',
    LensModel: 'Lens 50',
    BodySerialNumber: 'SN-12345',
    LensSerialNumber: 'LSN-678',
    CameraOwnerName: 'Olga Owner',
    MakerNote: 'secret note',
    UserComment: 'a comment',
  },
  IFD3: {
    GPSLatitudeRef: 'S',
    GPSLatitude: '48/1 30/1 0/1',
    GPSLongitudeRef: 'E',
    GPSLongitude: '11/1 15/1 36/1',
    GPSAltitude: '520/1',
  },
};
const PUBLIC = {
  make: 'Maker',
  model: 'Model 5',
  lens: 'Lens 50',
  software: 'Camera 1.2',
  takenAt: '2024-05-06T07:08:09+02:00',
  exposureTime: 0.004,
  fNumber: 2.8,
  iso: 400,
  focalLength: 50,
};

const painted = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#c02040' } });

function read(bytes: Buffer, mimeType: string, keepLocation = false, zeros = 0) {
  const source = sourceOf(bytes, zeros);
  const reading = readMetadata(source, { mimeType, keepLocation, signal: AbortSignal.timeout(20_000) });
  return reading.then((found) => ({ found, reads: source.reads() }));
}

const photo = (exif: object) =>
  painted(300, 200).withExif(exif).withMetadata({ orientation: 6 }).jpeg().toBuffer();

afterAll(endIdleChildren);

describe('of a photo', () => {
  test('Its size is that of the upright picture, and the camera, the time and the exposure are told.', async () => {
    const { found } = await read(await photo(EXIF), 'image/jpeg');
    expect(found).toEqual({ width: 200, height: 300, extra: PUBLIC });
  });

  test('Where it was taken, by whom and with which very device is told only where it may be kept.', async () => {
    const { found } = await read(await photo(EXIF), 'image/jpeg', true);
    expect(found?.extra).toEqual({
      ...PUBLIC,
      latitude: -48.5,
      longitude: 11.26,
      altitude: 520,
      artist: 'Ann Artist',
      copyright: 'Ann, 2024',
      description: 'At home',
      owner: 'Olga Owner',
      serialNumber: 'SN-12345',
      lensSerialNumber: 'LSN-678',
    });
  });

  test('Long, steering and endless texts of it come out short and plain.', async () => {
    const hostile = { IFD0: { Make: 'x'.repeat(50_000), Model: 'a\u001b[31mb\tc', Software: '   ' } };
    const { found } = await read(await photo(hostile), 'image/jpeg');
    expect(found?.extra).toEqual({ make: 'x'.repeat(200), model: 'a [31mb c' });
  });

  test('Of a large photo hardly more than its beginning is read.', async () => {
    const { found, reads } = await read(await photo(EXIF), 'image/jpeg', false, 200 * 1024 ** 2);
    expect(found).toMatchObject({ width: 200, height: 300, extra: { make: 'Maker' } });
    expect(reads).toEqual({ bytes: expect.any(Number), open: 0 });
    expect(reads.bytes).toBeLessThan(2 * 1024 ** 2);
  });

  test.each(['image/webp', 'image/png', 'image/avif'] as const)(
    'Exif data of %s is found, too.',
    async (mimeType) => {
      const format = mimeType.slice('image/'.length) as 'webp' | 'png' | 'avif';
      const bytes = await painted(30, 20).withExif(EXIF).toFormat(format).toBuffer();
      const { found } = await read(bytes, mimeType);
      expect(found).toMatchObject({ width: 30, height: 20, extra: { make: 'Maker', model: 'Model 5' } });
    },
  );
});

describe('of any image', () => {
  test('The size of an image is told even where it is too large for pictures of it.', async () => {
    const { found } = await read(blackPng(50_000, 1_000), 'image/png');
    expect(found).toEqual({ width: 50_000, height: 1_000 });
  });

  test('Of an animation the number of its frames is told.', async () => {
    const frames = await Promise.all(
      ['#ff0000', '#0000ff', '#00ff00'].map((background) =>
        sharp({ create: { width: 6, height: 4, channels: 3, background } })
          .png()
          .toBuffer(),
      ),
    );
    const animation = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    expect((await read(animation, 'image/gif')).found).toEqual({ width: 6, height: 4, extra: { pages: 3 } });
  });

  test('A drawing has the size that it says.', async () => {
    const drawing = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="300" height="40"/>');
    expect((await read(drawing, 'image/svg+xml')).found).toEqual({ width: 300, height: 40 });
  });

  test('A kind that tells nothing of itself has no metadata, and nothing of it is read.', async () => {
    const { found, reads } = await read(Buffer.from('text'), 'text/plain');
    expect([found, reads.bytes]).toEqual([null, 0]);
  });
});

describe('of a hostile image', () => {
  test.each<[string, () => Buffer | Promise<Buffer>, string]>([
    ['that is noise', () => Buffer.alloc(500, 0xa5), 'image/png'],
    ['that is of another kind than it says', () => painted(9, 9).png().toBuffer(), 'image/gif'],
    [
      'that is cut off within its header',
      async () => (await painted(9, 9).jpeg().toBuffer()).subarray(0, 20),
      'image/jpeg',
    ],
  ])('One %s has no metadata, by its own fault.', async (_what, make, mimeType) => {
    await expect(read(await make(), mimeType)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  test('Exif data that name more values than there are bytes neither hang nor hide the size of the image.', async () => {
    const entries = 5_000;
    const exif = Buffer.alloc(60_000);
    exif.write('Exif\0\0II*\0', 0, 'latin1');
    exif.writeUInt32LE(8, 10);
    exif.writeUInt16LE(entries, 14);
    for (let i = 0; i < entries; i += 1) {
      const at = 16 + 12 * i;
      if (at + 12 > exif.length) break;
      exif.writeUInt16LE(0x8000 + i, at);
      exif.writeUInt16LE(1, at + 2);
      exif.writeUInt32LE(0xffffffff, at + 4);
      exif.writeUInt32LE(8, at + 8);
    }
    const plain = await painted(30, 20).jpeg().toBuffer();
    const segment = Buffer.alloc(4);
    segment.writeUInt16BE(0xffe1, 0);
    segment.writeUInt16BE(exif.length + 2, 2);
    const image = Buffer.concat([plain.subarray(0, 2), segment, exif, plain.subarray(2)]);
    expect((await read(image, 'image/jpeg')).found).toEqual({ width: 30, height: 20 });
  });
});
