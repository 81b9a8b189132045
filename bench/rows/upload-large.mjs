import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { contest } from '../lib/measure.mjs';
import { compared } from '../lib/report.mjs';

const MB = 1e6;

/** (a) One large upload, in MB/s. */
export async function uploadLarge(scope, { rounds, largeBytes }) {
  const server = await scope.server();
  const folder = join(scope.folder, 'sink');
  await mkdir(folder);
  const sink = scope.helper('baseline/sink.mjs');
  const { origin } = await sink.ask({ folder });
  const client = scope.helper('client/main.mjs');

  const contender = (url, token, pid) => ({
    pid,
    async run() {
      const job = { kind: 'uploads', url, token, files: 1, bytes: largeBytes, connections: 1 };
      const { seconds } = await client.ask(job);
      // Nobody pays for writing back what another has left behind.
      await Promise.all([emptyFolder(folder), emptyFolder(server.blobs)]);
      return largeBytes / MB / seconds;
    },
  });
  const what = { row: 'a', unit: 'MB/s', rounds };
  const { ours, pipe, hash, durable } = await contest(scope, what, {
    ours: contender(`${server.origin}/graphql`, server.token, server.pid),
    pipe: contender(`${origin}/pipe`, null, sink.pid),
    hash: contender(`${origin}/hash`, null, sink.pid),
    durable: contender(`${origin}/durable`, null, sink.pid),
  });
  const upload = 'large upload';
  return [
    compared({ ...what, what: `${upload} : pipe + hash`, ours, baseline: hash, goal: 0.8 }),
    compared({ ...what, what: `${upload} : pipe`, ours, baseline: pipe, goal: null }),
    compared({ ...what, what: `${upload} : pipe + hash + datasync`, ours, baseline: durable, goal: null }),
  ];
}

/** Removes every file below a folder, but keeps the folders. */
async function emptyFolder(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  await Promise.all(files.map((entry) => rm(join(entry.parentPath, entry.name), { force: true })));
}
