import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { contest, forgetPeak, residentBytes } from '../lib/measure.mjs';
import { bounded, compared } from '../lib/report.mjs';

const MB = 1e6;
const MIB = 1024 * 1024;
const AT_ONCE = 8;
const SETTLE_MS = 1500;

/** The service on a bucket or container. */
const variablesOf = ({ provider, env }) => ({ ...env, STORAGE_PROVIDER: provider });

/** One upload and one download through the API, against the same transfer by the provider's own SDK; MB/s. */
export async function providerTransfers(scope, { rounds, providerBytes: bytes }, backend) {
  const { provider, env } = backend;
  const server = await scope.server(variablesOf(backend));
  const client = scope.helper('client/main.mjs');
  const sdk = scope.helper('baseline/sdk.mjs');
  const bare = (kind, key) => sdk.ask({ kind, provider, env, key, bytes });
  const rate = ({ seconds }) => bytes / MB / seconds;
  const upload = () => {
    const job = { kind: 'uploads', url: `${server.origin}/graphql`, token: server.token };
    return client.ask({ ...job, files: 1, bytes, connections: 1 });
  };
  const newKey = () => randomBytes(16).toString('hex');

  const up = { row: provider, unit: 'MB/s', rounds };
  const uploads = await contest(scope, up, {
    ours: { pid: server.pid, run: async () => rate(await upload()) },
    sdk: { pid: sdk.pid, run: async () => rate(await bare('upload', newKey())) },
  });
  const { last } = await upload();
  const url = `${server.origin}/files/${last.data.uploadFile.id}/content`;
  const key = newKey();
  await bare('upload', key);
  const { origin } = await sdk.ask({ kind: 'serve', provider, env });
  const downloads = await contest(scope, up, {
    ours: {
      pid: server.pid,
      run: async () => rate(await client.ask({ kind: 'download', url, token: server.token, bytes })),
    },
    sdk: { pid: sdk.pid, run: async () => rate(await bare('download', key)) },
    piped: {
      pid: sdk.pid,
      run: async () =>
        rate(await client.ask({ kind: 'download', url: `${origin}/${key}`, token: null, bytes })),
    },
  });
  await server.stop();
  return [
    compared({ ...up, what: 'upload : bare SDK', ours: uploads.ours, baseline: uploads.sdk, goal: 0.8 }),
    compared({
      ...up,
      what: 'download : bare SDK',
      ours: downloads.ours,
      baseline: downloads.sdk,
      goal: 0.8,
    }),
    compared({
      ...up,
      what: 'download : SDK piped over HTTP',
      ours: downloads.ours,
      baseline: downloads.piped,
      goal: null,
    }),
  ];
}

/** How much the server's resident memory grows at the most while 8 uploads run at once; MiB. */
export async function providerMemory(scope, { eighthBytes }, backend) {
  const { origin, token, pid, stop } = await scope.server(variablesOf(backend));
  const client = scope.helper('client/main.mjs');
  const job = { kind: 'uploads', url: `${origin}/graphql`, token };
  // Code that is loaded with the first upload, the SDK among it, is not what an upload costs.
  await client.ask({ ...job, files: 1, bytes: 8 * MIB, connections: 1 });
  await delay(SETTLE_MS);
  await forgetPeak(pid);
  const { now: idle } = await residentBytes(pid);
  await client.ask({ ...job, files: AT_ONCE, bytes: eighthBytes, connections: AT_ONCE });
  const { peak } = await residentBytes(pid);
  await stop();
  const what = `growth, ${AT_ONCE} × ${eighthBytes / MIB} MiB at once`;
  const details = { idleMiB: Math.round(idle / MIB), peakMiB: Math.round(peak / MIB) };
  return bounded({
    row: backend.provider,
    what,
    unit: 'MiB',
    ours: (peak - idle) / MIB,
    most: 128,
    details,
  });
}
