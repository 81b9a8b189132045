import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackedPackages } from './debian-packages.ts';
import { SWIFT_PACKAGES } from './swift-packages.ts';

/** A server of one provider, and the TEST_… variables that tell the tests of it. */
export interface RunningBackend {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const SERVER = fileURLToPath(new URL('swift-server.py', import.meta.url));
// As the server's configuration has them.
const ACCESS = { TEST_S3_ACCESS_KEY_ID: 'test:tester', TEST_S3_SECRET_ACCESS_KEY: 'testing' };

/** Starts OpenStack Swift with its S3 API on a free port of this machine; it ends with this process in any case. */
export async function startSwift(): Promise<RunningBackend> {
  const home = await unpackedPackages('swift', SWIFT_PACKAGES);
  const env = await environmentOf(home);
  const folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-swift-'));
  // It ends when its standard input does, and the kernel closes that with this process.
  const server = spawn(join(home, 'usr/bin/python3.11'), [SERVER, folder], { env, stdio: 'pipe' });
  const ended = once(server, 'close');
  const stop = async () => {
    server.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const endpoint = await addressOf(server);
    return { env: { TEST_S3_ENDPOINT: endpoint, ...ACCESS }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function environmentOf(home: string): Promise<NodeJS.ProcessEnv> {
  const [triplet = ''] = await readdir(join(home, 'usr/lib')).then((names) =>
    names.filter((name) => name.endsWith('-linux-gnu')),
  );
  return {
    PYTHONHOME: join(home, 'usr'),
    PYTHONPATH: join(home, 'usr/lib/python3/dist-packages'),
    LD_LIBRARY_PATH: [join(home, 'usr/lib', triplet), join(home, 'lib', triplet)].join(':'),
  };
}

/** What the server prints once it answers; rejects with its output if it ends before. */
function addressOf(server: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    for (const output of [server.stdout, server.stderr]) {
      output?.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-100_000);
        const [address] = /^http:\S+$/m.exec(said) ?? [];
        if (address) resolve(address);
      });
    }
    server.once('error', reject);
    server.once('close', () => reject(new Error(`Swift did not start:\n${said}`)));
  });
}
