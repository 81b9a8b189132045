import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadPackages, type Package } from '../../../src/database/apt-packages.ts';
import { defaultCacheDirectory } from '../../../src/database/cache-directory.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const ARCHES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

/** A folder of the user's cache that holds these packages of Debian unpacked, fetched by apt when first asked for. */
export async function unpackedPackages(name: string, packages: readonly Package[]): Promise<string> {
  const cache = defaultCacheDirectory();
  const list = createHash('sha256').update(JSON.stringify(packages)).digest('hex').slice(0, 8);
  const arch = ARCHES[process.arch] ?? process.arch;
  const home = join(cache, `${name}-${arch}-${list}`);
  if (await isThere(home)) return home;
  process.stderr.write(`Fetching ${name} with apt into ${cache}, once\n`);
  await mkdir(cache, { recursive: true, mode: 0o700 });
  const staging = await mkdtemp(join(cache, 'fetching-'));
  try {
    const unpacked = await downloadPackages(staging, { arch, keyring: KEYRING, packages });
    // The other of two racing processes may have been first, with the same files.
    await rename(unpacked, home).catch(async (error) => {
      if (!(await isThere(home))) throw error;
    });
    return home;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
