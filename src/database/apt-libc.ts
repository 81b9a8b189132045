import { execFile } from 'node:child_process';
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Family {
  readonly id: string;
  /** A long-supported release whose libc6 is new enough, signed by keys that the older releases know. */
  readonly suite: string;
  readonly keyring: string;
}

const run = promisify(execFile);
const FAMILIES: readonly Family[] = [
  { id: 'ubuntu', suite: 'noble', keyring: '/usr/share/keyrings/ubuntu-archive-keyring.gpg' },
  { id: 'debian', suite: 'trixie', keyring: '/usr/share/keyrings/debian-archive-keyring.gpg' },
];

/** Downloads a newer libc6 into the folder with apt's own verification, without root or any change outside it; resolves with where it lies unpacked. */
export async function downloadLibc(folder: string, arch: string): Promise<string> {
  const family = await distributionFamily();
  const options = await privateApt(folder, family, await machineMirrors(), arch);
  // A hook of the machine or a mirror of something else may fail the update: whether the download works is what counts.
  const update = await apt([...options, 'update'], folder, 300_000).catch((error: Error) => error);
  await apt([...options, 'download', `libc6:${arch}/${family.suite}`], folder, 300_000).catch((error) => {
    throw update instanceof Error ? update : error;
  });
  const archive = (await readdir(folder)).find((name) => name.startsWith('libc6_') && name.endsWith('.deb'));
  if (archive === undefined) throw new Error('apt-get download left no file');
  const unpacked = join(folder, 'unpacked');
  await run('dpkg-deb', ['-x', join(folder, archive), unpacked], { timeout: 60_000 });
  return unpacked;
}

async function distributionFamily(): Promise<Family> {
  const family = familyOf(await readFile('/etc/os-release', 'utf8').catch(() => ''));
  if (family === undefined) throw new Error('only Debian, Ubuntu and their kin have one to fetch');
  return family;
}

/** The distribution an os-release file says it is or is like, nearest first; undefined when apt's archives don't fit it. */
export function familyOf(osRelease: string): Family | undefined {
  const field = (name: string) => osRelease.match(new RegExp(`^${name}="?([^"\n]*)`, 'm'))?.[1] ?? '';
  const ids = [field('ID'), ...field('ID_LIKE').split(' ')];
  return ids.flatMap((id) => FAMILIES.filter((family) => family.id === id))[0];
}

/** The mirrors this machine's own apt is set up with: no address is ours. */
async function machineMirrors(): Promise<string[]> {
  // Without release information, so that it also answers where the package lists were never fetched.
  const question = ['indextargets', '--no-release-info', 'Created-By: Packages'];
  const stdout = await apt([...question, '--format', '$(RELEASE)|$(COMPONENT)|$(REPO_URI)'], '/', 20_000);
  const rows = stdout.split('\n').map((line) => line.split('|'));
  // Security, update and backport archives carry a suffix and may lack the newer release; what else is not the
  // distribution's mirror fails its signature.
  const mirrors = rows
    .filter(([release = '', component]) => component === 'main' && !/[-/]/.test(release))
    .flatMap(([, , uri]) => (uri === undefined || uri.startsWith('cdrom:') ? [] : [uri]));
  if (mirrors.length === 0) throw new Error('apt has no mirror configured');
  return [...new Set(mirrors)];
}

/** The options that keep apt's lists, cache and sources inside the folder and the machine's pins out. */
async function privateApt(folder: string, { suite, keyring }: Family, mirrors: string[], arch: string) {
  const hasKeyring = await access(keyring).then(
    () => true,
    () => false,
  );
  // Where the keyring lies elsewhere, the keys the machine's apt trusts by default decide.
  const signedBy = hasKeyring ? ` signed-by=${keyring}` : '';
  const lines = mirrors.map((uri) => `deb [arch=${arch} target=Packages${signedBy}] ${uri} ${suite} main\n`);
  await writeFile(join(folder, 'sources.list'), lines.join(''));
  for (const part of ['lists/partial', 'cache/archives/partial']) {
    await mkdir(join(folder, part), { recursive: true });
  }
  const settings = {
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
    'APT::Default-Release': '',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** Runs apt-get and resolves with its output; rejects with its own first error line. */
async function apt(args: string[], cwd: string, timeout: number): Promise<string> {
  try {
    return (await run('apt-get', args, { cwd, timeout, maxBuffer: 16 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { code, stderr = '' } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw new Error('there is no apt here', { cause: error });
    const said = stderr.split('\n').find((line) => line.startsWith('E: '));
    throw new Error(said?.slice(3) ?? 'apt-get failed or took too long', { cause: error });
  }
}
