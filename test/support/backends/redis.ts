import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Package } from '../../../src/database/apt-packages.ts';
import { unpackedPackages } from './debian-packages.ts';
import type { RunningBackend } from './swift.ts';

const from = (suite: string, ...names: string[]): Package[] => names.map((name) => ({ name, suite }));

const REDIS_PACKAGES: readonly Package[] = [
  ...from('bookworm', 'redis-server', 'redis-tools', 'libatomic1', 'libjemalloc2', 'liblzf1', 'libssl3'),
  ...from('bookworm', 'libsystemd0', 'libcap2', 'libgcrypt20', 'libgpg-error0', 'liblz4-1', 'liblzma5'),
  ...from('bookworm', 'libzstd1', 'libstdc++6', 'libgcc-s1'),
];

// The shell ends the server once its standard input does, and the kernel closes that with this process.
const UNTIL_LEFT_ALONE = '"$@" < /dev/null & read -r _ || kill -9 $!; wait';

/** Starts a Redis that keeps nothing, on a free port of this machine, or on the one given; it ends with this process in any case. */
export async function startRedis(at?: number): Promise<RunningBackend & { readonly port: number }> {
  const home = await unpackedPackages('redis', REDIS_PACKAGES);
  const port = at ?? (await freePort());
  const settings = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'];
  const program = join(home, 'usr/bin/redis-server');
  const server = spawn('/bin/sh', ['-c', UNTIL_LEFT_ALONE, 'sh', program, ...settings], {
    env: { PATH: process.env.PATH, LD_LIBRARY_PATH: await librariesOf(home) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = once(server, 'close');
  const stop = async () => {
    server.stdin.end();
    await ended;
  };
  try {
    await isReady(server);
    return { env: { TEST_REDIS_URL: `redis://127.0.0.1:${port}` }, port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function librariesOf(home: string): Promise<string> {
  const [triplet = ''] = await readdir(join(home, 'usr/lib')).then((names) =>
    names.filter((name) => name.endsWith('-linux-gnu')),
  );
  return [join(home, 'usr/lib', triplet), join(home, 'lib', triplet)].join(':');
}

/** Resolves once the server answers; rejects with its output if it ends before. */
function isReady(server: ReturnType<typeof spawn>): Promise<void> {
  let said = '';
  return new Promise((resolve, reject) => {
    for (const output of [server.stdout, server.stderr]) {
      output?.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-100_000);
        if (said.includes('Ready to accept connections')) resolve();
      });
    }
    server.once('error', reject);
    server.once('close', () => reject(new Error(`Redis did not start:\n${said}`)));
  });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}
