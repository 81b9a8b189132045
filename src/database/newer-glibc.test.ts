import { cp, mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { familyOf } from './apt-libc.ts';
import { defaultCacheDirectory } from './cache-directory.ts';
import { engineCommand, type Machine, thisMachine } from './newer-glibc.ts';

const log = () => {};

describe('the command that runs the engine', () => {
  const commandOn = (machine: Machine) => engineCommand({ cacheDirectory: '/nowhere', log, machine });

  test.each([
    { platform: 'linux', arch: 'x64', glibc: '2.38' },
    { platform: 'linux', arch: 'arm64', glibc: '2.41' },
    { platform: 'linux', arch: 'x64', glibc: '3.0' },
    { platform: 'darwin', arch: 'arm64', glibc: undefined },
  ])('is Node itself on $platform $arch with glibc $glibc', async (machine) => {
    expect(await commandOn(machine)).toEqual([process.execPath]);
  });

  test.each([
    [{ platform: 'win32', arch: 'x64', glibc: undefined }, 'no build for win32 on x64'],
    [{ platform: 'linux', arch: 'riscv64', glibc: '2.41' }, 'no build for linux on riscv64'],
    [{ platform: 'linux', arch: 'x64', glibc: undefined }, 'it needs glibc'],
  ])('is refused in one line with two ways out on %o', async (machine, reason) => {
    const error = await commandOn(machine).catch((error: Error) => error);
    const message = error instanceof Error ? error.message : '';
    expect(message).toContain(reason);
    expect(message).toContain('`docker compose up`');
    expect(message).toContain('MONGODB_URI');
    expect(message).not.toContain('\n');
  });
});

describe('the distribution to fetch from', () => {
  test.each([
    ['Debian', 'ID=debian\nVERSION_CODENAME=bookworm\n', 'debian'],
    ['Ubuntu, which is like Debian', 'ID=ubuntu\nID_LIKE=debian\n', 'ubuntu'],
    ['a child of Ubuntu', 'NAME="Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n', 'ubuntu'],
    ['neither', 'ID="rhel"\nID_LIKE="fedora"\n', undefined],
    ['nothing said', '', undefined],
  ])('%s', (_, osRelease, expected) => {
    expect(familyOf(osRelease)?.id).toBe(expected);
  });
});

describe.runIf(thisMachine().platform === 'linux' && (thisMachine().glibc ?? '9') < '2.38')(
  'the cache',
  () => {
    let cacheDirectory: string;

    beforeEach(async () => {
      cacheDirectory = await mkdtemp(join(tmpdir(), 'newer-glibc-test-'));
      const [loader = ''] = await engineCommand({ cacheDirectory: defaultCacheDirectory(), log });
      const filled = resolve(dirname(loader), '../../..');
      await cp(filled, join(cacheDirectory, basename(filled)), { recursive: true, verbatimSymlinks: true });
    });

    afterEach(() => rm(cacheDirectory, { recursive: true, force: true }));

    async function filesFetched(): Promise<{ fetches: number; library: string }> {
      const logged: string[] = [];
      const command = await engineCommand({ cacheDirectory, log: (message) => logged.push(message) });
      return { fetches: logged.length, library: command[2]?.split(':')[0] ?? '' };
    }

    test('is not fetched again once filled', async () => {
      expect((await filesFetched()).fetches).toBe(0);
    });

    test('is repaired when a file of it is missing or cut short, also by two processes at once', {
      timeout: 180_000,
    }, async () => {
      const { library } = await filesFetched();
      await rm(join(library, 'libm.so.6'));
      await truncate(join(library, 'libc.so.6'), 100);
      await Promise.all([filesFetched(), filesFetched()]);
      expect((await filesFetched()).fetches).toBe(0);
    });
  },
);
