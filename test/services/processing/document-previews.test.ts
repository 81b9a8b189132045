import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endIdleChildren } from '../../../src/isolated/isolated-work.ts';
import { canPreview, findTools, type HostTools, missingToolFor } from '../../../src/previews/host-tools.ts';
import { makePreviews } from '../../../src/previews/preview-maker.ts';
import { popplerFolder } from '../../support/backends/host-programs.ts';
import { sourceOf } from '../../support/content-sources.ts';

const PDF = 'application/pdf';
let tools: HostTools;

beforeAll(async () => {
  tools = await findTools(await popplerFolder());
}, 180_000);

afterAll(endIdleChildren);

/** A PDF of pages that are each painted in one colour, from edge to edge. */
function pdf(colours: readonly string[], box = '0 0 200 100', operators = '0 0 9999 9999 re f'): Buffer {
  const pages = colours.map((colour, i) => {
    const content = `${colour} rg ${operators}`;
    const id = 3 + 2 * i;
    const page = `${id} 0 obj<</Type/Page/Parent 2 0 R/MediaBox[${box}]/Contents ${id + 1} 0 R>>endobj`;
    return `${page}\n${id + 1} 0 obj<</Length ${content.length}>>stream\n${content}\nendstream endobj`;
  });
  const kids = colours.map((_, i) => `${3 + 2 * i} 0 R`).join(' ');
  const tree = `2 0 obj<</Type/Pages/Kids[${kids}]/Count ${colours.length}>>endobj`;
  return Buffer.from(
    `%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n${tree}\n${pages.join('\n')}\ntrailer<</Root 1 0 R>>\n%%EOF\n`,
  );
}

async function previews(bytes: Buffer, signal = AbortSignal.timeout(20_000)) {
  const source = sourceOf(bytes);
  const made = await makePreviews(source, { mimeType: PDF, maxPixels: 100_000_000, signal, tools });
  expect(source.reads().open).toBe(0);
  return made?.pictures ?? [];
}

test('A host without pdftoppm is seen to lack it, and one with it to have it.', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'empty-'));
  const none = await findTools(empty);
  // What is named so and does not start is not there either.
  await writeFile(join(empty, 'pdftoppm'), '#!/bin/sh\nexit 7\n', { mode: 0o755 });
  expect(await findTools(empty)).toEqual(none);
  await rm(empty, { recursive: true });
  expect(none).toEqual({ pdftoppm: null, ffmpeg: null, ffprobe: null });
  expect([canPreview(PDF, none), missingToolFor(PDF, none)]).toEqual([false, 'pdftoppm']);
  expect([canPreview(PDF, tools), missingToolFor(PDF, tools)]).toEqual([true, null]);
  expect(tools.pdftoppm).toMatch(/^\/.*\/pdftoppm$/);
});

test('The pictures of a PDF are those of its first page, and no file was written for them.', async () => {
  const before = await readdir(tmpdir());
  const pictures = await previews(pdf(['1 0 0', '0 0 1']));
  expect(pictures.map(({ pixels, width, height }) => [pixels, width, height])).toEqual([
    [128, 128, 64],
    [512, 512, 256],
    [1280, 1280, 640],
  ]);
  const { channels } = await sharp(pictures[0]?.bytes).stats();
  expect(channels.map(({ mean }) => Math.round(mean / 64))).toEqual([4, 0, 0]);
  const fresh = (await readdir(tmpdir())).filter((name) => !before.includes(name));
  expect(fresh.filter((name) => /poppler|pdf/i.test(name))).toEqual([]);
});

test('A page of a hundred kilometres has pictures of 1280 pixels.', async () => {
  const pictures = await previews(pdf(['1 0 0'], '0 0 280000000 140000000'));
  expect(Math.max(...pictures.map(({ width, height }) => Math.max(width, height)))).toBeLessThanOrEqual(1280);
});

test.each<[string, Buffer]>([
  ['noise', Buffer.from('%PDF-1.4\nnoise')],
  ['an image', Buffer.from('89504e470d0a1a0a', 'hex')],
  ['empty', Buffer.alloc(0)],
  ['without a page', pdf([])],
])('A PDF that is %s has no pictures, by its own fault.', async (_what, bytes) => {
  await expect(previews(bytes)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
});

test('A page that takes for ever to paint ends with the abort.', async () => {
  const curves =
    '/P <</A 1>> BDC EMC '.repeat(10) +
    '0 0 m 200 100 l 0 100 l 200 0 l f* 5 w 0 0 m 100 300 100 -300 200 100 c S '.repeat(200_000);
  const signal = AbortSignal.timeout(400);
  await expect(previews(pdf(['1 0 0'], '0 0 200 100', curves), signal)).rejects.toThrow(/timeout/);
});
