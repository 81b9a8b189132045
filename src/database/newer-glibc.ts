import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { downloadLibc } from './apt-libc.ts';

/** What this decides by; each defaults to the running process. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** Absent where the C library is not glibc. */
  readonly glibc: string | undefined;
}

interface Options {
  readonly cacheDirectory: string;
  readonly log: (message: string) => void;
  readonly machine?: Machine;
}

interface Layout {
  readonly debianArch: string;
  readonly triplet: string;
  readonly loader: string;
}

const run = promisify(execFile);
const NEEDED = '2.38';
const LAYOUTS: Record<string, Layout> = {
  x64: { debianArch: 'amd64', triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { debianArch: 'arm64', triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

/** The command, in words, that runs Node where the embedded engine can load; rejects with the ways out where nothing can. */
export async function engineCommand({
  cacheDirectory,
  log,
  machine = thisMachine(),
}: Options): Promise<string[]> {
  const { platform, arch, glibc } = machine;
  if (platform === 'darwin' && arch === 'arm64') return [process.execPath];
  const layout = LAYOUTS[arch];
  if (platform !== 'linux' || layout === undefined)
    throw cannotRun(`it has no build for ${platform} on ${arch}`);
  if (glibc === undefined) throw cannotRun('it needs glibc, and this system has another C library');
  if (isAtLeast(glibc, NEEDED)) return [process.execPath];

  const needs = `it needs glibc ${NEEDED} and this system has ${glibc}`;
  try {
    return await commandWithNewerGlibc(layout, cacheDirectory, () =>
      log(
        `The embedded MongoDB engine: ${needs}; fetching a newer one with apt into ${cacheDirectory}, once`,
      ),
    );
  } catch (error) {
    throw cannotRun(`${needs}, and a newer one could not be fetched with apt (${firstLine(error)})`, error);
  }
}

async function commandWithNewerGlibc(layout: Layout, cacheDirectory: string, announce: () => void) {
  const home = join(cacheDirectory, `glibc-${layout.debianArch}`);
  const command = loaderCommand(home, layout);
  if (await works(command, home, layout)) return command;
  announce();
  await mkdir(cacheDirectory, { recursive: true, mode: 0o700 });
  const staging = await mkdtemp(join(cacheDirectory, 'fetching-'));
  try {
    const fresh = await downloadLibc(staging, layout.debianArch);
    if (!(await works(loaderCommand(fresh, layout), fresh, layout))) {
      throw new Error('the fetched libc6 does not run Node');
    }
    // Another process may have filled the cache meanwhile, and be running from it.
    if (!(await works(command, home, layout))) await swapIn(fresh, home, join(staging, 'broken'));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return command;
}

async function swapIn(fresh: string, home: string, aside: string): Promise<void> {
  await rename(home, aside).catch(() => {});
  await rename(fresh, home).catch((error: NodeJS.ErrnoException) => {
    // The other of two racing processes was first, with the same files.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

function loaderCommand(home: string, { triplet, loader }: Layout): string[] {
  const fetched = join(home, 'usr/lib', triplet);
  // Node's own C++ libraries still come from the system, whose folders the foreign loader doesn't know by itself.
  const folders = [fetched, `/lib/${triplet}`, `/usr/lib/${triplet}`].join(':');
  return [join(fetched, loader), '--library-path', folders, process.execPath];
}

// A file that is missing is found in the system's folders instead, too old but good enough for Node alone, so
// that running Node proves only those files that are there.
async function works([file = '', ...args]: string[], home: string, { triplet }: Layout): Promise<boolean> {
  try {
    for (const name of ['libc.so.6', 'libm.so.6']) await stat(join(home, 'usr/lib', triplet, name));
    await run(file, [...args, '--version'], { timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
}

/** The machine as the running process sees it. */
export function thisMachine(): Machine {
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return { platform: process.platform, arch: process.arch, glibc: report.header.glibcVersionRuntime };
}

function isAtLeast(version: string, needed: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = needed.split('.').map(Number);
  return major > neededMajor || (major === neededMajor && minor >= neededMinor);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

function cannotRun(reason: string, cause?: unknown): Error {
  return new Error(
    `The embedded MongoDB engine can't run here: ${reason}. Run \`docker compose up\` instead, or set MONGODB_URI to a MongoDB server of yours.`,
    { cause },
  );
}
