import { newAzureContainer } from '../test/support/backends/azure-container.ts';
import { startAzurite } from '../test/support/backends/azurite.ts';
import { startGcs } from '../test/support/backends/gcs.ts';
import { newGcsBucket } from '../test/support/backends/gcs-bucket.ts';
import { newS3Bucket } from '../test/support/backends/s3-bucket.ts';
import { startSwift } from '../test/support/backends/swift.ts';
import { runBench } from './lib/bench.mjs';
import { providerMemory, providerTransfers } from './rows/provider.mjs';

/** The test server of each provider, and how a bucket of its own is made there. */
const BACKENDS = {
  aws: { start: startSwift, bucket: newS3Bucket },
  gcp: { start: startGcs, bucket: newGcsBucket },
  azure: { start: startAzurite, bucket: newAzureContainer },
};

/** One provider: its server runs for its row alone, so that nothing else takes of the machine. */
const row = (provider) => async (scope, scale) => {
  const { start, bucket } = BACKENDS[provider];
  const { env, stop } = await start();
  // The makers of buckets find the servers where the tests do.
  Object.assign(process.env, env);
  scope.closing(stop);
  const backend = await bucket();
  return [
    ...(await providerTransfers(scope, scale, backend)),
    await providerMemory(scope, scale, await bucket()),
  ];
};

await runBench(Object.fromEntries(Object.keys(BACKENDS).map((provider) => [provider, row(provider)])));
