import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp, { type Sharp } from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { endIdleChildren } from '../../../src/isolated/isolated-work.ts';
import { canPreview } from '../../../src/previews/host-tools.ts';
import { makePreviews } from '../../../src/previews/preview-maker.ts';
import { sourceOf } from '../../support/content-sources.ts';
import { blackPng } from '../../support/hostile-images.ts';
import { startCanary } from '../../support/local-canary.ts';

const TOOLS = { pdftoppm: null, ffmpeg: null, ffprobe: null };
const SVG = 'image/svg+xml';

const painted = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#c02040' } });

async function previews(
  bytes: Buffer,
  mimeType: string,
  { maxPixels = 100_000_000, signal = AbortSignal.timeout(20_000) } = {},
) {
  const source = sourceOf(bytes);
  const made = await makePreviews(source, { mimeType, maxPixels, signal, tools: TOOLS });
  expect(source.reads().open).toBe(0);
  return made?.pictures;
}

const sizes = (pictures: Awaited<ReturnType<typeof previews>>) =>
  pictures?.map(({ pixels, width, height }) => [pixels, width, height]);

const drawing = (inside: string, attributes = 'width="100" height="50"', head = '') =>
  Buffer.from(
    `<?xml version="1.0"?>${head}<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${attributes}>${inside}</svg>`,
  );

/** The colour in the middle of the largest picture. */
async function colour(pictures: Awaited<ReturnType<typeof previews>>): Promise<number[]> {
  const { bytes, width, height } = pictures?.at(-1) ?? expect.fail('no picture');
  const middle = { left: width >> 1, top: height >> 1, width: 1, height: 1 };
  return [...(await sharp(bytes).ensureAlpha().extract(middle).raw().toBuffer())];
}

afterAll(endIdleChildren);

describe('of an image', () => {
  test.each<[string, (image: Sharp) => Sharp]>([
    ['image/png', (image) => image.png()],
    ['image/jpeg', (image) => image.jpeg()],
    ['image/webp', (image) => image.webp()],
    ['image/gif', (image) => image.gif()],
    ['image/avif', (image) => image.avif({ effort: 0 })],
    ['image/tiff', (image) => image.tiff()],
  ])(
    'Pictures of %s are WebP, fit into 128, 512 and 1280 pixels and are never enlarged.',
    async (mimeType, encode) => {
      const pictures = await previews(await encode(painted(800, 400)).toBuffer(), mimeType);
      expect(canPreview(mimeType, TOOLS)).toBe(true);
      expect(sizes(pictures)).toEqual([
        [128, 128, 64],
        [512, 512, 256],
        [1280, 800, 400],
      ]);
      for (const { bytes, width, height } of pictures ?? []) {
        expect(await sharp(bytes).metadata()).toMatchObject({ format: 'webp', width, height });
      }
      expect((await colour(pictures)).map((value) => Math.round(value / 32))).toEqual([6, 1, 2, 8]);
    },
  );

  test('A photo is turned upright and loses its Exif data, the place where it was taken among them.', async () => {
    const exif = { IFD0: { Make: 'Maker' }, IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '48/1 8/1 0/1' } };
    const photo = await painted(2000, 1000).withExif(exif).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const pictures = await previews(photo, 'image/jpeg');
    expect(sizes(pictures)?.at(-1)).toEqual([1280, 640, 1280]);
    for (const { bytes } of pictures ?? []) {
      const found = await sharp(bytes).metadata();
      expect([found.exif, found.xmp, found.orientation]).toEqual([undefined, undefined, undefined]);
      expect(bytes.includes('Maker')).toBe(false);
    }
  });

  test('Of an animation there is its first frame alone.', async () => {
    const frames = await Promise.all(
      ['#ff0000', '#0000ff'].map((background) =>
        sharp({ create: { width: 60, height: 60, channels: 3, background } })
          .png()
          .toBuffer(),
      ),
    );
    const animation = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    expect((await sharp(animation).metadata()).pages).toBe(2);
    const pictures = await previews(animation, 'image/gif');
    expect(sizes(pictures)?.at(-1)).toEqual([1280, 60, 60]);
    expect((await sharp(pictures?.at(-1)?.bytes).metadata()).pages ?? 1).toBe(1);
    const [red = 0, , blue = 0] = await colour(pictures);
    expect([red > 200, blue < 50]).toEqual([true, true]);
  });

  test('A kind of which no pictures are made has none.', async () => {
    expect(await previews(Buffer.from('text'), 'text/plain')).toBeUndefined();
    expect(await previews(Buffer.from('%PDF-1.4'), 'application/pdf')).toBeUndefined();
    expect(canPreview('constructor', TOOLS)).toBe(false);
  });

  test('An abort ends the decoding of an image and leaves nothing of it open.', async () => {
    const source = sourceOf(await painted(4000, 4000).png().toBuffer());
    const reason = new Error('enough');
    const controller = new AbortController();
    const making = makePreviews(source, {
      mimeType: 'image/png',
      maxPixels: 1e8,
      signal: controller.signal,
      tools: TOOLS,
    });
    setTimeout(() => controller.abort(reason), 20);
    await expect(making).rejects.toBe(reason);
    expect(source.reads().open).toBe(0);
  });
});

describe('of a hostile image', () => {
  test.each<[string, () => Buffer | Promise<Buffer>, string]>([
    ['that is empty', () => Buffer.alloc(0), 'image/png'],
    [
      'that is cut off',
      async () => (await painted(900, 900).jpeg().toBuffer()).subarray(0, 2000),
      'image/jpeg',
    ],
    ['that is noise', () => Buffer.alloc(5000, 0xa5), 'image/webp'],
    ['that is of another kind than it says', () => painted(9, 9).png().toBuffer(), 'image/jpeg'],
    ['that is a drawing under another name', () => drawing('<rect width="9" height="9"/>'), 'image/png'],
    ['of 2.5 thousand million pixels in 300 KB', () => blackPng(50_000, 50_000), 'image/png'],
    ['that is a compressed drawing', () => Buffer.from('1f8b08000000000000', 'hex'), SVG],
    ['that is a drawing of 50,000 pixels a side', () => drawing('', 'width="50000" height="50000"'), SVG],
  ])('One %s has no pictures, by its own fault.', async (_what, make, mimeType) => {
    await expect(previews(await make(), mimeType)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  test('An image with more pixels than are allowed is not decoded.', async () => {
    const image = await painted(200, 100).png().toBuffer();
    expect(await previews(image, 'image/png', { maxPixels: 20_000 })).toHaveLength(3);
    await expect(previews(image, 'image/png', { maxPixels: 19_999 })).rejects.toThrow('too many pixels');
  });

  test('What hides behind a picture in the same file does not come into its preview.', async () => {
    const polyglot = Buffer.concat([
      await painted(50, 50).png().toBuffer(),
      Buffer.from('<script>alert(1)</script>'),
    ]);
    const pictures = await previews(polyglot, 'image/png');
    expect(pictures?.every(({ bytes }) => !bytes.includes('script'))).toBe(true);
  });
});

describe('of a drawing', () => {
  test('A drawing is drawn as large as its pictures are, for it has no pixels of its own.', async () => {
    const pictures = await previews(
      drawing('<rect width="100" height="50" fill="#00ff00"/>', 'width="16" height="8" viewBox="0 0 100 50"'),
      SVG,
    );
    expect(sizes(pictures)).toEqual([
      [128, 128, 64],
      [512, 512, 256],
      [1280, 1280, 640],
    ]);
    expect(await colour(pictures)).toEqual([
      expect.closeTo(0, -1),
      expect.closeTo(255, -1),
      expect.closeTo(0, -1),
      255,
    ]);
  });

  test('A drawing reads no file and asks no host, by whatever it refers to them.', async () => {
    const { port, asked, stop } = await startCanary();
    const folder = await mkdtemp(join(tmpdir(), 'drawing-'));
    const secret = pathToFileURL(join(folder, 'secret.png'));
    await writeFile(secret, await painted(100, 50).png().toBuffer());
    const inside = [`http://127.0.0.1:${port}/x.png`, secret.href, secret.pathname, 'file:///etc/passwd']
      .map((address) => `<image xlink:href="${address}" width="100" height="50"/><use href="${address}#a"/>`)
      .concat(
        `<style>@import url("http://127.0.0.1:${port}/x.css");</style><script href="http://127.0.0.1:${port}/x.js"/>`,
      )
      .concat(`<foreignObject><iframe src="http://127.0.0.1:${port}/"/></foreignObject>`)
      .concat(
        `<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>`,
      )
      .join('');
    const pictures = await previews(drawing(inside), SVG);
    expect((await colour(pictures))[3]).toBe(0);
    await stop();
    await rm(folder, { recursive: true });
    expect(asked()).toBe(0);
  });

  test('Entities that would grow to thousands of millions of characters, or to a file, do not.', async () => {
    const steps = Array.from({ length: 10 }, (_, i) => `<!ENTITY a${i + 1} "${`&a${i};`.repeat(10)}">`).join(
      '',
    );
    const laughs = drawing(
      '<text>&a10;</text>',
      'width="9" height="9"',
      `<!DOCTYPE svg [<!ENTITY a0 "ha">${steps}]>`,
    );
    await expect(previews(laughs, SVG)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    const file = drawing(
      '<text y="30" font-size="30">&x;</text>',
      'width="90" height="40"',
      '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    );
    const pictures = await previews(file, SVG).catch(() => undefined);
    if (pictures) expect((await sharp(pictures.at(-1)?.bytes).stats()).isOpaque).toBe(false);
  });

  test('A drawing that takes for ever to draw is ended by the abort.', async () => {
    const nested = Array.from(
      { length: 30 },
      (_, i) => `<g id="g${i + 1}">${`<use href="#g${i}"/>`.repeat(8)}</g>`,
    ).join('');
    const filter =
      '<filter id="f"><feTurbulence numOctaves="9000"/><feGaussianBlur stdDeviation="900"/></filter>';
    const slow = drawing(`${filter}<g id="g0"><rect width="90" height="90" filter="url(#f)"/></g>${nested}`);
    const signal = AbortSignal.timeout(700);
    const outcome = await previews(slow, SVG, { signal }).catch((error: Error) => error);
    expect(outcome === signal.reason || (outcome as { code?: string }).code === 'BAD_USER_INPUT').toBe(true);
  });
});
