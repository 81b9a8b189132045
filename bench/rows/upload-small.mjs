import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cpuSeconds, interleave } from '../lib/measure.mjs';
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
  const cpu = { ours: [], pipe: [], durable: [] };

  const upload = (name, url, token, pid) => async () => {
    const before = await cpuSeconds(pid);
    const job = { kind: 'uploads', url, token, files: smallFiles, bytes: BYTES, connections: CONNECTIONS };
    const { seconds } = await client.ask(job);
    cpu[name].push(Math.round((((await cpuSeconds(pid)) - before) / smallFiles) * 1e6));
    scope.say(`  (b) ${name}: ${(smallFiles / seconds).toFixed(0)} files/s`);
    return smallFiles / seconds;
  };
  const contenders = {
    ours: upload('ours', `${server.origin}/graphql`, server.token, server.pid),
    pipe: upload('pipe', `${origin}/pipe`, null, sink.pid),
    durable: upload('durable', `${origin}/durable`, null, sink.pid),
  };
  await interleave(contenders, 1);
  for (const list of Object.values(cpu)) list.length = 0;
  const { ours, pipe, durable } = await interleave(contenders, rounds);
  const line = (what, name, baseline, goal) =>
    compared({
      row: 'b',
      what,
      unit: 'files/s',
      ours,
      baseline,
      goal,
      details: { cpuMicrosecondsPerFile: { ours: cpu.ours, baseline: cpu[name] } },
    });
  return [
    line('10 KiB uploads : pipe', 'pipe', pipe, 0.25),
    line('10 KiB uploads : pipe + hash + datasync', 'durable', durable, null),
  ];
}
