import { readFile } from 'node:fs/promises';
import { downloadPackages } from './apt-packages.ts';

interface Family {
  readonly id: string;
  /** A long-supported release whose libc6 is new enough, signed by keys that the older releases know. */
  readonly suite: string;
  readonly keyring: string;
}

const FAMILIES: readonly Family[] = [
  { id: 'ubuntu', suite: 'noble', keyring: '/usr/share/keyrings/ubuntu-archive-keyring.gpg' },
  { id: 'debian', suite: 'trixie', keyring: '/usr/share/keyrings/debian-archive-keyring.gpg' },
];

/** Downloads a newer libc6 into the folder with apt's own verification, without root or any change outside it; resolves with where it lies unpacked. */
export async function downloadLibc(folder: string, arch: string): Promise<string> {
  const { suite, keyring } = await distributionFamily();
  return downloadPackages(folder, { arch, keyring, packages: [{ name: 'libc6', suite }] });
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
