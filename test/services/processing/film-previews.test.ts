import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endIdleChildren } from '../../../src/isolated/isolated-work.ts';
import { readMetadata } from '../../../src/metadata/read-metadata.ts';
import { canPreview, findTools, type HostTools, missingToolFor } from '../../../src/previews/host-tools.ts';
import { makePreviews } from '../../../src/previews/preview-maker.ts';
import { ffmpegFolder } from '../../support/backends/host-programs.ts';
import { type CountedSource, sourceOf } from '../../support/content-sources.ts';
import { startCanary } from '../../support/local-canary.ts';

const MEBIBYTE = 1024 ** 2;
const run = promisify(execFile);
let tools: HostTools;
let folder: string;

beforeAll(async () => {
  tools = await findTools(await ffmpegFolder());
  folder = await mkdtemp(join(tmpdir(), 'films-'));
}, 300_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await endIdleChildren();
});

/** A film or a sound that ffmpeg makes of these arguments. */
async function film(name: string, ...args: string[]): Promise<Buffer> {
  const path = join(folder, name);
  await run(tools.ffmpeg ?? '', ['-v', 'error', '-y', ...args, path]);
  return readFile(path);
}

/** Red for its first tenth, then blue, with a tone. */
const RED_THEN_BLUE = [
  ...['-f', 'lavfi', '-i', 'color=red:s=640x360:d=1[a];color=blue:s=640x360:d=19[b];[a][b]concat'],
  ...['-f', 'lavfi', '-i', 'sine=duration=20', '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac'],
  ...['-metadata', 'title=A title', '-metadata', 'location=+48.1+011.5/'],
];

const options = (mimeType: string, signal = AbortSignal.timeout(20_000)) => ({
  mimeType,
  maxPixels: 100_000_000,
  keepLocation: false,
  signal,
  tools,
});

async function previews(source: CountedSource, mimeType: string, signal?: AbortSignal) {
  const made = await makePreviews(source, options(mimeType, signal));
  await expect.poll(() => source.reads().open).toBe(0);
  return made?.pictures ?? [];
}

const sizes = (pictures: Awaited<ReturnType<typeof previews>>) =>
  pictures.map(({ pixels, width, height }) => [pixels, width, height]);

describe('of a film', () => {
  test('Its poster is a frame of a tenth of its length, and of ten gigabytes a few megabytes are read.', async () => {
    const source = sourceOf(await film('long.mp4', ...RED_THEN_BLUE), 10 * 1024 * MEBIBYTE);
    const pictures = await previews(source, 'video/mp4');
    expect(sizes(pictures)).toEqual([
      [128, 128, 72],
      [512, 512, 288],
      [1280, 640, 360],
    ]);
    const { channels } = await sharp(pictures[0]?.bytes).stats();
    expect(channels.map(({ mean }) => Math.round(mean / 64))).toEqual([0, 0, 4]);
    expect(source.reads().bytes).toBeLessThan(16 * MEBIBYTE);
  });

  test('Its size, length, codecs and title are told, where it was taken only if that may be kept.', async () => {
    const bytes = await film('facts.mp4', ...RED_THEN_BLUE);
    const found = await readMetadata(sourceOf(bytes), options('video/mp4'));
    expect(found).toEqual({
      width: 640,
      height: 360,
      duration: expect.closeTo(20, 0),
      bitrate: expect.any(Number),
      codec: 'h264',
      extra: { audioCodec: 'aac', frameRate: 25, sampleRate: 44_100, channels: 1, title: 'A title' },
    });
    const kept = await readMetadata(sourceOf(bytes), { ...options('video/mp4'), keepLocation: true });
    expect(kept?.extra?.location).toMatch(/^\+48/);
    const bare = await readMetadata(sourceOf(bytes), {
      ...options('video/mp4'),
      tools: { ...tools, ffprobe: null },
    });
    expect(bare).toMatchObject({
      width: 640,
      height: 360,
      duration: expect.closeTo(20, 0),
      codec: 'avc1',
      extra: { title: 'A title' },
    });
  });

  test('A film that is held upright has upright pictures and an upright size.', async () => {
    const source = ['-f', 'lavfi', '-i', 'testsrc=duration=1:size=64x32:rate=5'];
    await film('flat.mp4', ...source);
    const upright = await film(
      'upright.mp4',
      '-i',
      join(folder, 'flat.mp4'),
      '-c',
      'copy',
      '-metadata:s:v',
      'rotate=90',
    );
    expect(sizes(await previews(sourceOf(upright), 'video/mp4')).at(-1)).toEqual([1280, 32, 64]);
    expect(await readMetadata(sourceOf(upright), options('video/mp4'))).toMatchObject({
      width: 32,
      height: 64,
    });
  });

  test.each<[string, string, string[]]>([
    ['video/webm', 'a.webm', ['-c:v', 'libvpx', '-deadline', 'realtime']],
    ['video/vnd.avi', 'a.avi', ['-c:v', 'mpeg4']],
    ['video/mp2t', 'a.ts', ['-c:v', 'mpeg2video']],
  ])(
    'A film of the type %s has pictures, too, even one of less than a second.',
    async (mimeType, name, codec) => {
      const bytes = await film(
        name,
        '-f',
        'lavfi',
        '-i',
        'testsrc=duration=0.4:size=64x32:rate=25',
        ...codec,
      );
      expect(sizes(await previews(sourceOf(bytes), mimeType)).at(-1)).toEqual([1280, 64, 32]);
      expect(canPreview(mimeType, tools)).toBe(true);
    },
  );

  test('A host without ffmpeg is seen to lack it, and its films have no pictures.', async () => {
    const without = { ...tools, ffmpeg: null };
    expect([missingToolFor('video/mp4', without), missingToolFor('video/mp4', tools)]).toEqual([
      'ffmpeg',
      null,
    ]);
    expect(
      await makePreviews(sourceOf(Buffer.from('x')), { ...options('video/mp4'), tools: without }),
    ).toBeNull();
  });

  test('An abort ends the reading of a film.', async () => {
    const source = { size: 10 * MEBIBYTE, open: () => new Promise<never>(() => undefined) };
    const signal = AbortSignal.timeout(300);
    await expect(makePreviews(source, options('video/mp4', signal))).rejects.toThrow(/timeout/);
    await expect(readMetadata(source, options('video/mp4', signal))).rejects.toThrow(/timeout/);
  });
});

describe('of a hostile film', () => {
  test('A playlist under the name of any film leads to no file and to no other host.', async () => {
    const canary = await startCanary();
    await film('real.mp4', '-f', 'lavfi', '-i', 'testsrc=duration=1:size=64x32:rate=5');
    const path = join(folder, 'real.mp4');
    const host = `http://127.0.0.1:${canary.port}/x.ts`;
    const hls = (address: string) =>
      `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${address}\n#EXT-X-ENDLIST\n`;
    const concat = (address: string) => `ffconcat version 1.0\nfile '${address}'\nduration 1\n`;
    const playlists = [
      hls(host),
      hls(pathToFileURL(path).href),
      concat(host),
      concat(path),
      concat(`subfile,,start,0,end,0,,:${path}`),
    ];
    const types = ['video/mp4', 'video/webm', 'video/mp2t'];
    const tries = playlists.map((text, i) =>
      previews(sourceOf(Buffer.from(text)), types[i % types.length] ?? ''),
    );
    for (const outcome of await Promise.allSettled(tries)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'BAD_USER_INPUT' } });
    }
    await canary.stop();
    expect(canary.asked()).toBe(0);
  });

  test.each<[string, (real: Buffer) => Buffer]>([
    ['that is cut off before its index', (real) => real.subarray(0, 300)],
    ['that is noise', () => Buffer.alloc(200_000, 0xa5)],
    ['without pictures', () => Buffer.alloc(0)],
  ])('One %s has no pictures, by its own fault.', async (_what, damage) => {
    const real = await film('whole.mp4', '-f', 'lavfi', '-i', 'testsrc=duration=1:size=64x32:rate=5');
    await expect(previews(sourceOf(damage(real)), 'video/mp4')).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
  });

  test('A film of more pixels than are allowed is not decoded.', async () => {
    const bytes = await film('large.mp4', '-f', 'lavfi', '-i', 'color=red:s=640x360:d=0.4');
    const making = makePreviews(sourceOf(bytes), { ...options('video/mp4'), maxPixels: 640 * 360 - 1 });
    await expect(making).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});

describe('of a sound', () => {
  test.each<[string, string, string[]]>([
    ['audio/mpeg', 'a.mp3', ['-c:a', 'libmp3lame']],
    ['audio/flac', 'a.flac', ['-c:a', 'flac']],
    ['audio/x-m4a', 'a.m4a', ['-c:a', 'aac']],
    ['audio/ogg', 'a.ogg', ['-c:a', 'libvorbis']],
  ])(
    'The length, bit rate, codec and tags of %s are told without any program.',
    async (mimeType, name, codec) => {
      const tags = ['title=Song', 'artist=Singer', 'album=Record'].flatMap((tag) => ['-metadata', tag]);
      const bytes = await film(name, '-f', 'lavfi', '-i', 'sine=duration=3', ...codec, ...tags);
      const found = await readMetadata(sourceOf(bytes), {
        mimeType,
        keepLocation: false,
        signal: AbortSignal.timeout(20_000),
      });
      expect(found).toMatchObject({
        duration: expect.closeTo(3, 0),
        bitrate: expect.any(Number),
        codec: expect.any(String),
        extra: { title: 'Song', artist: 'Singer', album: 'Record', sampleRate: 44_100 },
      });
    },
  );
});
