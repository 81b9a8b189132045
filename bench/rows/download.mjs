import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cpuSeconds, interleave } from '../lib/measure.mjs';
import { compared } from '../lib/report.mjs';

const MB = 1e6;

/** (c) One large download, in MB/s; both servers read the very same file. */
export async function download(scope, { rounds, largeBytes }) {
  const server = await scope.server();
  const client = scope.helper('client/main.mjs');
  const { token } = server;
  const url = `${server.origin}/graphql`;
  const job = { kind: 'uploads', url, token, files: 1, bytes: largeBytes, connections: 1 };
  const { last } = await client.ask(job);
  const source = scope.helper('baseline/source.mjs');
  const { origin } = await source.ask({ path: await onlyBlob(server.blobs) });
  const cpu = { ours: [], baseline: [] };

  const fetchAll = (name, from, bearer, pid) => async () => {
    const before = await cpuSeconds(pid);
    const { seconds } = await client.ask({ kind: 'download', url: from, token: bearer, bytes: largeBytes });
    cpu[name].push(Number(((await cpuSeconds(pid)) - before).toFixed(2)));
    scope.say(`  (c) ${name}: ${(largeBytes / MB / seconds).toFixed(0)} MB/s`);
    return largeBytes / MB / seconds;
  };
  const content = `${server.origin}/files/${last.data.uploadFile.id}/content`;
  const contenders = {
    ours: fetchAll('ours', content, token, server.pid),
    baseline: fetchAll('baseline', origin, null, source.pid),
  };
  await interleave(contenders, 1);
  for (const list of Object.values(cpu)) list.length = 0;
  const { ours, baseline } = await interleave(contenders, rounds);
  const details = { cpuSeconds: cpu };
  return [
    compared({
      row: 'c',
      what: 'large download : createReadStream().pipe()',
      unit: 'MB/s',
      ours,
      baseline,
      goal: 0.9,
      details,
    }),
  ];
}

async function onlyBlob(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  if (files.length !== 1) throw new Error(`There are ${files.length} files in the store instead of 1.`);
  return join(files[0].parentPath, files[0].name);
}
