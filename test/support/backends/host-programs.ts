import { chmod, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Package } from '../../../src/database/apt-packages.ts';
import { unpackedPackages } from './debian-packages.ts';
import { FFMPEG_PACKAGES } from './ffmpeg-packages.ts';

const POPPLER_PACKAGES: readonly Package[] = [
  ...['poppler-utils', 'libpoppler126', 'libbrotli1', 'libdeflate0', 'libexpat1', 'libfontconfig1'],
  ...['libfreetype6', 'libgcc-s1', 'libjbig0', 'libjpeg62-turbo', 'liblcms2-2', 'liblerc4', 'liblzma5'],
  ...['libnspr4', 'libnss3', 'libopenjp2-7', 'libpng16-16', 'libstdc++6', 'libtiff6', 'libwebp7'],
  ...['libzstd1', 'zlib1g'],
].map((name) => ({ name, suite: 'bookworm' }));

/** A folder that holds pdftoppm, ready to be started: 8 MB of Debian’s packages, fetched when first asked for. */
export async function popplerFolder(): Promise<string> {
  return startable(await unpackedPackages('poppler', POPPLER_PACKAGES), ['pdftoppm']);
}

/** A folder that holds ffmpeg and ffprobe, ready to be started: 100 MB of Debian’s packages, fetched when first asked for. */
export async function ffmpegFolder(): Promise<string> {
  return startable(await unpackedPackages('ffmpeg', FFMPEG_PACKAGES), ['ffmpeg', 'ffprobe']);
}

/** Programs that find their libraries beside them, whatever environment they are started in. */
async function startable(home: string, names: readonly string[]): Promise<string> {
  const folder = join(home, 'startable');
  await mkdir(folder, { recursive: true });
  const libraries = await librariesOf(home);
  for (const name of names) {
    const script = `#!/bin/sh\nLD_LIBRARY_PATH='${libraries}' exec '${join(home, 'usr/bin', name)}' "$@"\n`;
    // Another process may be starting it right now.
    const fresh = join(folder, `.${name}-${process.pid}-${Math.random().toString(36).slice(2)}`);
    await writeFile(fresh, script);
    await chmod(fresh, 0o755);
    await rename(fresh, join(folder, name));
  }
  return folder;
}

async function librariesOf(home: string): Promise<string> {
  const [triplet = ''] = (await readdir(join(home, 'usr/lib'))).filter((name) => name.endsWith('-linux-gnu'));
  const places = ['usr/lib', 'lib'].map((folder) => join(home, folder, triplet));
  const inner = ['blas', 'lapack', 'pulseaudio'].map((folder) => join(home, 'usr/lib', triplet, folder));
  return [...places, ...inner].join(':');
}
