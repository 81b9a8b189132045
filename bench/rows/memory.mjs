import { setTimeout as delay } from 'node:timers/promises';
import { forgetPeak, residentBytes } from '../lib/measure.mjs';
import { bounded } from '../lib/report.mjs';

const MIB = 1024 * 1024;
const MANY = 50;
const SETTLE_MS = 1500;

/** (e) How much the server's resident memory grows at the most, in MiB, over a fresh server that has taken one file. */
export async function memory(scope, { hugeBytes, manyBytes }) {
  const huge = { what: `growth, 1 × ${hugeBytes / MIB} MiB`, files: 1, bytes: hugeBytes, most: 64 };
  const many = {
    what: `growth, ${MANY} × ${manyBytes / MIB} MiB at once`,
    files: MANY,
    bytes: manyBytes,
    most: 256,
  };
  return [await growth(scope, huge), await growth(scope, many)];
}

async function growth(scope, { what, files, bytes, most }) {
  const { origin, token, pid, stop } = await scope.server();
  const client = scope.helper('client/main.mjs');
  const job = { kind: 'uploads', url: `${origin}/graphql`, token };
  // Code that is loaded with the first upload is not what an upload costs.
  await client.ask({ ...job, files: 1, bytes: MIB, connections: 1 });
  await delay(SETTLE_MS);
  await forgetPeak(pid);
  const { now: idle } = await residentBytes(pid);
  const { seconds } = await client.ask({ ...job, files, bytes, connections: files });
  const { peak, now } = await residentBytes(pid);
  await stop();
  scope.say(`  (e) ${what}: ${((peak - idle) / MIB).toFixed(0)} MiB over ${(idle / MIB).toFixed(0)} MiB`);
  const details = {
    idleMiB: Math.round(idle / MIB),
    peakMiB: Math.round(peak / MIB),
    afterMiB: Math.round(now / MIB),
    megabytesPerSecond: Math.round((files * bytes) / 1e6 / seconds),
  };
  return bounded({ row: 'e', what, unit: 'MiB', ours: (peak - idle) / MIB, most, details });
}
