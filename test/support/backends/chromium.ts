import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { CHROMIUM_PACKAGES } from './chromium-packages.ts';
import { unpackedPackages } from './debian-packages.ts';
import type { RunningBackend } from './swift.ts';

const INSTALLED = ['chromium', 'chromium-browser', 'google-chrome'];

/** Names a Chromium for the tests: the one of this machine, or else 70 MB of Debian’s packages, fetched when first asked for. */
export async function chromiumBackend(): Promise<RunningBackend> {
  const program = (await installedChromium()) ?? (await unpackedChromium());
  // Each test file starts and ends its own.
  return { env: { TEST_CHROMIUM: program }, stop: async () => undefined };
}

async function installedChromium(): Promise<string | null> {
  const folders = process.env.PATH?.split(delimiter) ?? [];
  for (const program of INSTALLED.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    // What is called so may only say how to install it.
    const version = await promisify(execFile)(program, ['--version'], { timeout: 30_000 }).catch(() => null);
    if (version && /^(?:Chromium|Google Chrome) \d/m.test(version.stdout)) return program;
  }
  return null;
}

/** A program that finds its libraries and fonts beside it. */
async function unpackedChromium(): Promise<string> {
  const home = await unpackedPackages('chromium', CHROMIUM_PACKAGES);
  const [triplet = ''] = (await readdir(join(home, 'usr/lib'))).filter((name) => name.endsWith('-linux-gnu'));
  const libraries = ['usr/lib', 'lib'].map((folder) => join(home, folder, triplet));
  libraries.push(join(home, 'usr/lib', triplet, 'pulseaudio'));
  const folder = join(home, 'startable');
  await mkdir(folder, { recursive: true });
  const fonts = join(folder, 'fonts.conf');
  await placeWhole(
    fonts,
    `<fontconfig><dir>${join(home, 'usr/share/fonts')}</dir><cachedir>${join(home, 'fonts')}</cachedir></fontconfig>\n`,
  );
  const program = join(folder, 'chromium');
  const variables = `LD_LIBRARY_PATH='${libraries.join(':')}' FONTCONFIG_FILE='${fonts}'`;
  const started = join(home, 'usr/lib/chromium/chromium-headless-shell');
  await placeWhole(program, `#!/bin/sh\n${variables} exec '${started}' "$@"\n`);
  return program;
}

// Another process may be reading it right now.
async function placeWhole(path: string, content: string): Promise<void> {
  const fresh = `${path}-${process.pid}-${Math.random().toString(36).slice(2)}`;
  await writeFile(fresh, content);
  await chmod(fresh, 0o755);
  await rename(fresh, path);
}
