import { setTimeout as delay } from 'node:timers/promises';
import { contest, forgetPeak, residentBytes } from '../lib/measure.mjs';
import { bounded, compared } from '../lib/report.mjs';

const MIB = 1024 * 1024;
const MB = 1e6;
const SETTLE_MS = 1500;
const MOST_ROUNDS = 3;

/** One archive of a large and a small file, in MB/s, against a plain download of the large one; and what it costs in memory. */
export async function archive(scope, { rounds: asked, archiveBytes }) {
  const rounds = Math.min(asked, MOST_ROUNDS);
  const { origin, token, pid, stop } = await scope.server();
  const client = scope.helper('client/main.mjs');
  const job = { kind: 'uploads', url: `${origin}/graphql`, token, files: 1, connections: 1 };
  const idOf = ({ last }) => last.data.uploadFile.id;
  const large = idOf(await client.ask({ ...job, bytes: archiveBytes }));
  // Its place in the archive lies beyond 4 GiB.
  const small = idOf(await client.ask({ ...job, bytes: MIB }));

  const url = `${origin}/archive?ids=${large},${small}`;
  const head = await fetch(url, { method: 'HEAD', headers: { authorization: `Bearer ${token}` } });
  const fetched = (from, bytes) => ({
    pid,
    async run() {
      const { seconds } = await client.ask({ kind: 'download', url: from, token, bytes });
      return bytes / MB / seconds;
    },
  });
  const zipped = fetched(url, Number(head.headers.get('content-length')));

  // Code that is loaded with the first download is not what an archive costs.
  await fetched(`${origin}/files/${small}/content`, MIB).run();
  await delay(SETTLE_MS);
  await forgetPeak(pid);
  const { now: idle } = await residentBytes(pid);
  await zipped.run();
  const { peak } = await residentBytes(pid);
  scope.say(
    `  (archive) growth: ${((peak - idle) / MIB).toFixed(0)} MiB over ${(idle / MIB).toFixed(0)} MiB`,
  );

  const name = { row: 'archive', unit: 'MB/s', rounds };
  const { ours, baseline } = await contest(scope, name, {
    ours: zipped,
    baseline: fetched(`${origin}/files/${large}/content`, archiveBytes),
  });
  await stop();
  const details = { idleMiB: Math.round(idle / MIB), peakMiB: Math.round(peak / MIB) };
  const size = `${archiveBytes / MIB} MiB`;
  return [
    compared({ ...name, what: `archive of ${size} : the plain download`, ours, baseline, goal: 0.8 }),
    bounded({
      row: 'archive',
      what: `growth, archive of ${size}`,
      unit: 'MiB',
      ours: (peak - idle) / MIB,
      most: 64,
      details,
    }),
  ];
}
