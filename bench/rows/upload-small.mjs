import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { contest } from '../lib/measure.mjs';
import { compared } from '../lib/report.mjs';

const BYTES = 10 * 1024;
const CONNECTIONS = 16;

/** (b) Small uploads over 16 connections, in files/s. */
export async function uploadSmall(scope, { rounds, smallFiles }) {
  const server = await scope.server();
  const folder = join(scope.folder, 'sink');
  await mkdir(folder);
  const sink = scope.helper('baseline/sink.mjs');
  const { origin } = await sink.ask({ folder });
  const client = scope.helper('client/main.mjs');

  const contender = (url, token, pid) => ({
    pid,
    async run() {
      const job = { kind: 'uploads', url, token, files: smallFiles, bytes: BYTES, connections: CONNECTIONS };
      const { seconds } = await client.ask(job);
      return smallFiles / seconds;
    },
  });
  const what = { row: 'b', unit: 'files/s', rounds };
  const { ours, pipe, durable } = await contest(scope, what, {
    ours: contender(`${server.origin}/graphql`, server.token, server.pid),
    pipe: contender(`${origin}/pipe`, null, sink.pid),
    durable: contender(`${origin}/durable`, null, sink.pid),
  });
  return [
    compared({ ...what, what: '10 KiB uploads : pipe', ours, baseline: pipe, goal: 0.25 }),
    compared({
      ...what,
      what: '10 KiB uploads : pipe + hash + datasync',
      ours,
      baseline: durable,
      goal: null,
    }),
  ];
}
