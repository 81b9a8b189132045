import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { serve } from '../lib/processes.mjs';

const [WIDTH, HEIGHT] = [2400, 1800];
const SIDES = [1280, 512, 128];

/** sharp alone: `make` writes so many photographs of 4 megapixels into a folder, else the previews of all there are made. */
serve(async ({ folder, make, atOnce }) => {
  if (make) return write(folder, make);
  sharp.cache(false);
  sharp.concurrency(1);
  const names = await readdir(folder);
  const began = performance.now();
  const worker = async () => {
    for (let name = names.pop(); name; name = names.pop()) await previews(await readFile(join(folder, name)));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { seconds: (performance.now() - began) / 1000 };
});

async function previews(bytes) {
  const [largest] = SIDES;
  const fit = { fit: 'inside', withoutEnlargement: true };
  const { data, info } = await sharp(bytes)
    .autoOrient()
    .resize(largest, largest, fit)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  for (const side of SIDES) {
    await sharp(data, { raw: { width, height, channels } })
      .resize(side, side, fit)
      .webp({ quality: 80 })
      .toBuffer();
  }
}

async function write(folder, count) {
  await mkdir(folder, { recursive: true });
  for (let i = 0; i < count; i += 1) {
    const noise = { type: 'gaussian', mean: 60 + ((i * 7) % 120), sigma: 30 };
    const small = await sharp({ create: { width: 300, height: 225, channels: 3, background: '#888', noise } })
      .png()
      .toBuffer();
    await writeFile(join(folder, `${i}.jpg`), await sharp(small).resize(WIDTH, HEIGHT).jpeg().toBuffer());
  }
  return {};
}
