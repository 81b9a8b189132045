import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultCacheDirectory } from '../../src/database/cache-directory.ts';
import { startEmbeddedEngine } from '../../src/database/embedded-engine.ts';

/** Gives the whole run one MongoDB: the server of TEST_MONGODB_URI if set, else an engine in a temporary directory. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.TEST_MONGODB_URI) return undefined;

  const directory = await mkdtemp(join(tmpdir(), 'imaginary-storage-test-'));
  const engine = await startEmbeddedEngine({
    directory,
    cacheDirectory: defaultCacheDirectory(),
    log: (message) => process.stderr.write(`${message}\n`),
  });
  process.env.TEST_MONGODB_URI = engine.uri;
  return async () => {
    await engine.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
