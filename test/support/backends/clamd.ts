import { startClamd } from '../clamd-process.ts';
import { CLAMD_PACKAGES } from './clamd-packages.ts';
import { unpackedPackages } from './debian-packages.ts';
import type { RunningBackend } from './swift.ts';

/** Starts a clamd that knows EICAR and nothing else; TEST_CLAMD_HOME lets tests start others of their own. */
export async function startClamdBackend(): Promise<RunningBackend> {
  const home = await unpackedPackages('clamd', CLAMD_PACKAGES);
  const { host, port, stop } = await startClamd({ home });
  return { env: { TEST_CLAMD: `${host}:${port}`, TEST_CLAMD_HOME: home }, stop };
}
