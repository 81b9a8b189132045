import { execFile } from 'node:child_process';
import { access, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A package of a distribution, by its name and the release that it is taken from, such as `trixie`. */
export interface Package {
  readonly name: string;
  readonly suite: string;
}

interface Selection {
  /** As Debian names it, such as `amd64`. */
  readonly arch: string;
  /** The distribution's own keys, which sign its releases. */
  readonly keyring: string;
  readonly packages: readonly Package[];
}

const run = promisify(execFile);

/** Downloads packages into the folder with apt's own verification, without root or any change outside it; resolves with where they lie unpacked. */
export async function downloadPackages(folder: string, selection: Selection): Promise<string> {
  const { arch, packages } = selection;
  const options = await privateApt(folder, selection, await machineMirrors());
  // A hook of the machine or a mirror of something else may fail the update: whether the download works is what counts.
  const update = await apt([...options, 'update'], folder, 300_000).catch((error: Error) => error);
  const wanted = packages.map(({ name, suite }) => `${name}:${arch}/${suite}`);
  await apt([...options, 'download', ...wanted], folder, 300_000).catch((error) => {
    throw update instanceof Error ? update : error;
  });
  const archives = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
  const missing = packages.filter(({ name }) => !archives.some((file) => file.startsWith(`${name}_`)));
  if (missing.length > 0) throw new Error('apt-get download left no file');
  const unpacked = join(folder, 'unpacked');
  for (const archive of archives) {
    await run('dpkg-deb', ['-x', join(folder, archive), unpacked], { timeout: 60_000 });
  }
  return unpacked;
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
async function privateApt(folder: string, { arch, keyring, packages }: Selection, mirrors: string[]) {
  const hasKeyring = await access(keyring).then(
    () => true,
    () => false,
  );
  // Where the keyring lies elsewhere, the keys the machine's apt trusts by default decide.
  const signedBy = hasKeyring ? ` signed-by=${keyring}` : '';
  const suites = [...new Set(packages.map(({ suite }) => suite))];
  const lines = mirrors.flatMap((uri) =>
    suites.map((suite) => `deb [arch=${arch} target=Packages${signedBy}] ${uri} ${suite} main\n`),
  );
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
