import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { clamdDatabase, EICAR_SIGNATURES, type Signatures } from './virus-signatures.ts';

/** How a clamd is started; what is left out is as the tests of most things need it. */
export interface ClamdOptions {
  /** The folder that its packages lie unpacked in; without it, and without TEST_CLAMD_HOME, the machine’s own is run. */
  readonly home?: string;
  readonly port?: number;
  /** The version that its database goes by. */
  readonly version?: number;
  readonly signatures?: Signatures;
  /** The most bytes that it takes, and looks at. */
  readonly streamBytes?: number;
  readonly scanBytes?: number;
}

/** A running clamd. */
export interface Clamd {
  readonly host: string;
  readonly port: number;
  readonly socket: string;
  /** The variables by which a service uses it. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends it and removes what it stored. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const PATIENCE_MS = 60_000;
// It ends when its standard input does, which the kernel closes with this process, however that ends.
const WATCH = `
  const [program, ...options] = process.argv.slice(1);
  const child = require('node:child_process').spawn(program, options, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH: process.env.PATH, LD_LIBRARY_PATH: process.env.CLAMD_LIBRARIES },
  });
  child.on('error', (error) => { console.error(error.message); process.exit(1); });
  child.on('exit', () => process.exit(1));
  process.stdin.on('end', () => child.kill('SIGKILL')).resume();
`;
const GIB = 1024 * 1024 * 1024;

/** Starts one in the foreground on a free port of this machine; resolves once it answers. */
export async function startClamd(options: ClamdOptions = {}): Promise<Clamd> {
  const folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-clamd-'));
  const port = options.port ?? (await freePort());
  const socket = join(folder, 'clamd.sock');
  await mkdir(join(folder, 'db'));
  const database = clamdDatabase(options.version ?? 1, options.signatures ?? EICAR_SIGNATURES);
  await writeFile(join(folder, 'db', 'daily.cud'), database);
  await mkdir(join(folder, 'tmp'));
  const file = join(folder, 'clamd.conf');
  await writeFile(file, configuration(folder, port, socket, options));

  const home = options.home ?? process.env.TEST_CLAMD_HOME;
  const program = home ? join(home, 'usr/sbin/clamd') : 'clamd';
  const env = { PATH: process.env.PATH, ...(home && { CLAMD_LIBRARIES: await librariesOf(home) }) };
  const command = [program, '--foreground', '-c', file];
  const child = spawn(process.execPath, ['-e', WATCH, ...command], { env, stdio: 'pipe' });
  const said = outputOf(child);
  const ended = once(child, 'close').catch(() => undefined);
  const stop = async () => {
    child.stdin.end();
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  const until = Date.now() + PATIENCE_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > until) {
      await stop();
      throw new Error(`clamd did not start:\n${said()}`);
    }
    await wait(50);
  }
  return {
    ...{ host: HOST, port, socket, stop },
    env: { CLAMAV_HOST: HOST, CLAMAV_PORT: String(port) },
  };
}

function configuration(folder: string, port: number, socket: string, options: ClamdOptions): string {
  const { streamBytes = 4 * GIB - 1, scanBytes = 4 * GIB - 1 } = options;
  const lines = {
    ...{ Foreground: 'yes', DatabaseDirectory: join(folder, 'db'), TemporaryDirectory: join(folder, 'tmp') },
    ...{ TCPAddr: HOST, TCPSocket: port, LocalSocket: socket },
    // What cannot be looked at in full must not pass for clean.
    ...{
      StreamMaxLength: streamBytes,
      MaxFileSize: scanBytes,
      MaxScanSize: scanBytes,
      AlertExceedsMax: 'yes',
    },
    ...{ MaxThreads: 4, MaxScanTime: 600_000, SelfCheck: 0, BytecodeUnsigned: 'no' },
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}

async function librariesOf(home: string): Promise<string> {
  const names = await readdir(join(home, 'usr/lib'));
  const triplet = names.find((name) => name.endsWith('-linux-gnu')) ?? '';
  return [join(home, 'usr/lib', triplet), join(home, 'lib', triplet)].join(':');
}

function outputOf(child: ChildProcess): () => string {
  let said = '';
  child.once('error', (error) => {
    said += error.message;
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-10_000);
    });
  }
  return () => said;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether something answers a ping there as clamd does. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, HOST);
  socket.write('zPING\0');
  const answer = await once(socket, 'data').catch(() => ['']);
  socket.destroy();
  return String(answer[0]).startsWith('PONG');
}
