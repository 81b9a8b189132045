import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultCacheDirectory } from '../../src/database/cache-directory.ts';
import { startEmbeddedEngine } from '../../src/database/embedded-engine.ts';
import { startAzurite } from './backends/azurite.ts';
import { chromiumBackend } from './backends/chromium.ts';
import { startClamdBackend } from './backends/clamd.ts';
import { startGcs } from './backends/gcs.ts';
import { startRedis } from './backends/redis.ts';
import { startSwift } from './backends/swift.ts';

/** A server that runs for the whole run, and the variables by which the tests find it. */
interface RunningServer {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** What is started, each unless the variable names a server of its kind already. */
const BACKENDS: [variable: string, start: () => Promise<RunningServer>][] = [
  ['TEST_MONGODB_URI', startDatabase],
  ['TEST_S3_ENDPOINT', startSwift],
  ['TEST_AZURE_CONNECTION_STRING', startAzurite],
  ['TEST_GCS_ENDPOINT', startGcs],
  ['TEST_REDIS_URL', startRedis],
  ['TEST_CLAMD', startClamdBackend],
  ['TEST_CHROMIUM', chromiumBackend],
];

/** Gives the whole run one server of each kind. */
export default async function setup(): Promise<() => Promise<void>> {
  const missing = BACKENDS.filter(([variable]) => !process.env[variable]);
  const starting = missing.map(async ([variable, start]) => {
    const server = await start().catch((error) => {
      throw new Error(`There is no server for ${variable}, and none could be started`, { cause: error });
    });
    Object.assign(process.env, server.env);
    return server;
  });
  const started = await Promise.allSettled(starting);
  const running = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const stop = async () => {
    for (const server of running.reverse()) await server.stop();
  };
  const failed = started.find((each) => each.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return stop;
}

// One for each worker: what a run makes and drops is more than one engine may hold open.
const ENGINES = 3;

/** Engines of its own, between which the workers choose. */
async function startDatabase(): Promise<RunningServer> {
  const engines = await Promise.all(Array.from({ length: ENGINES }, startEngine));
  return {
    env: { TEST_MONGODB_URI: engines.map(({ uri }) => uri).join(' ') },
    async stop() {
      await Promise.all(engines.map(({ stop }) => stop()));
    },
  };
}

/** One in a temporary directory. */
async function startEngine() {
  const directory = await mkdtemp(join(tmpdir(), 'imaginary-storage-test-'));
  const engine = await startEmbeddedEngine({
    directory,
    cacheDirectory: defaultCacheDirectory(),
    log: (message) => process.stderr.write(`${message}\n`),
  });
  return {
    uri: engine.uri,
    async stop() {
      await engine.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
