import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { contest } from '../lib/measure.mjs';
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

  const contender = (from, bearer, pid) => ({
    pid,
    async run() {
      const { seconds } = await client.ask({ kind: 'download', url: from, token: bearer, bytes: largeBytes });
      return largeBytes / MB / seconds;
    },
  });
  const what = { row: 'c', unit: 'MB/s', rounds };
  const content = `${server.origin}/files/${last.data.uploadFile.id}/content`;
  const { ours, baseline } = await contest(scope, what, {
    ours: contender(content, token, server.pid),
    baseline: contender(origin, null, source.pid),
  });
  return [
    compared({ ...what, what: 'large download : createReadStream().pipe()', ours, baseline, goal: 0.9 }),
  ];
}

async function onlyBlob(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  if (files.length !== 1) throw new Error(`There are ${files.length} files in the store instead of 1.`);
  return join(files[0].parentPath, files[0].name);
}
