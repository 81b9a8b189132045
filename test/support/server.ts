import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mongoose from 'mongoose';
import { testMongodb } from './mongodb.ts';

/** Variables of the process; undefined leaves the default, null takes a variable away. */
export type ServerEnvironment = Readonly<Record<string, string | null | undefined>>;

/** A server of the built code, in a process of its own. */
export interface RunningServer {
  /** Such as `http://127.0.0.1:41234`. */
  readonly origin: string;
  readonly pid: number;
  readonly dataPath: string;
  /** What it was started with: give DATA_PATH and MONGODB_URI of it to a second start on the same data. */
  readonly env: Readonly<Record<string, string>>;
  /** Everything it has written to stdout and stderr so far. */
  log(): string;
  /** Ends it, removes what was made for it and resolves with its exit code; null when a signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Ends it with SIGKILL and keeps its data; a later `stop` removes them. */
  kill(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const COMPILED = join(tmpdir(), 'imaginary-storage-compiled');
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LANG'] as const;
const READY = /^imaginaryStorage is ready: .*?(https?:\/\/[^/\s]+)/m;

/**
 * Starts `dist/main.js` on a free port and resolves once it is ready; rejects with its output when it is not.
 * Without a DATA_PATH it gets a temporary folder, without a MONGODB_URI a database of its own on the run's MongoDB;
 * `{ MONGODB_URI: null }` gives it an embedded engine in DATA_PATH. What the caller names is never removed.
 */
export async function startServer(changes: ServerEnvironment = {}): Promise<RunningServer> {
  const folder = changes.DATA_PATH ? null : await mkdtemp(join(tmpdir(), 'imaginary-storage-server-'));
  const dataPath = changes.DATA_PATH ?? folder ?? '';
  const database = changes.MONGODB_URI === undefined ? newDatabase() : null;
  const env = {
    ...inherited(),
    ...given({
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_LEVEL: 'warn',
      // Many tests start a server of the same build.
      NODE_COMPILE_CACHE: COMPILED,
      DATA_PATH: dataPath,
      UPLOAD_PATH: join(dataPath, 'blobs'),
      MONGODB_URI: database,
      // Tests come from one address and in haste; what limits promise is tested with limits of its own.
      RATE_LIMITS: 'register=off,login-address=off,api=off,uploads=off,transfers=off',
      ...changes,
    }),
  };
  const child = spawn(process.execPath, [PROGRAM], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = whenEnded(child);
  const endWithUs = () => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }

  let cleaned: Promise<void> | undefined;
  const clean = () => {
    cleaned ??= removeTraces(folder, database);
    return cleaned;
  };
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const code = await ended;
    process.off('exit', endWithUs);
    return code;
  };

  const origin = await whenReady(child, ended, () => log).catch(async (error) => {
    await end('SIGKILL');
    await clean();
    throw error;
  });
  return {
    origin,
    pid: child.pid ?? 0,
    dataPath,
    env,
    log: () => log,
    async stop(signal = 'SIGTERM') {
      const code = await end(signal);
      await clean();
      return code;
    },
    async kill() {
      await end('SIGKILL');
    },
  };
}

function newDatabase(): string {
  const [, hosts = '', options = ''] =
    /^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?(\?.*)?$/.exec(testMongodb()) ?? [];
  return `${hosts}/server_${randomBytes(8).toString('hex')}${options}`;
}

// Not the whole environment: a variable that happens to be set where the tests run must not configure the server.
const inherited = () => given(Object.fromEntries(INHERITED.map((name) => [name, process.env[name]])));

function given(variables: ServerEnvironment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

async function whenEnded(child: ChildProcess): Promise<number | null> {
  const [code] = await once(child, 'close');
  return code;
}

function whenReady(child: ChildProcess, ended: Promise<unknown>, log: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', () => {
      const origin = READY.exec(log())?.[1];
      if (origin) resolve(origin);
    });
    ended.then(
      (code) => reject(new Error(`The server ended with ${code} before it was ready:\n${log()}`)),
      reject,
    );
  });
}

async function removeTraces(folder: string | null, database: string | null): Promise<void> {
  if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  if (!database) return;
  const connection = await mongoose.createConnection(database).asPromise();
  await connection.dropDatabase();
  await connection.close();
}
