import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cpuSeconds, interleave } from '../lib/measure.mjs';
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
  const cpu = { ours: [], pipe: [], hash: [], durable: [] };

  const upload = (name, url, token, pid) => async () => {
    const before = await cpuSeconds(pid);
    const job = { kind: 'uploads', url, token, files: 1, bytes: largeBytes, connections: 1 };
    const { seconds } = await client.ask(job);
    cpu[name].push(Number(((await cpuSeconds(pid)) - before).toFixed(2)));
    // Nobody pays for writing back what another has left behind.
    await Promise.all([emptyFolder(folder), emptyFolder(server.blobs)]);
    scope.say(`  (a) ${name}: ${(largeBytes / MB / seconds).toFixed(0)} MB/s`);
    return largeBytes / MB / seconds;
  };
  const contenders = {
    ours: upload('ours', `${server.origin}/graphql`, server.token, server.pid),
    pipe: upload('pipe', `${origin}/pipe`, null, sink.pid),
    hash: upload('hash', `${origin}/hash`, null, sink.pid),
    durable: upload('durable', `${origin}/durable`, null, sink.pid),
  };
  await interleave(contenders, 1);
  for (const list of Object.values(cpu)) list.length = 0;
  const { ours, pipe, hash, durable } = await interleave(contenders, rounds);
  const line = (what, name, baseline, goal) =>
    compared({
      row: 'a',
      what,
      unit: 'MB/s',
      ours,
      baseline,
      goal,
      details: { cpuSeconds: { ours: cpu.ours, baseline: cpu[name] } },
    });
  return [
    line('large upload : pipe + hash', 'hash', hash, 0.8),
    line('large upload : pipe', 'pipe', pipe, null),
    line('large upload : pipe + hash + datasync', 'durable', durable, null),
  ];
}

/** Removes every file below a folder, but keeps the folders. */
async function emptyFolder(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  await Promise.all(files.map((entry) => rm(join(entry.parentPath, entry.name), { force: true })));
}
