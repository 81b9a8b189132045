import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { median } from '../lib/measure.mjs';

const MIB = 1024 * 1024;
const PROBES = 5;

/**
 * What may grow from the first half's median to the second's: by a share of it or by so much, whichever is more.
 * @type {Record<string, { share: number, most: number, unit: number }>}
 */
const BOUNDS = {
  rss: { share: 0.1, most: 64 * MIB, unit: MIB },
  heap: { share: 0.1, most: 32 * MIB, unit: MIB },
  fds: { share: 0.1, most: 40, unit: 1 },
  threads: { share: 0, most: 2, unit: 1 },
  engineFds: { share: 0.1, most: 20, unit: 1 },
  spill: { share: 0, most: 10, unit: 1 },
  incoming: { share: 0.1, most: 30, unit: 1 },
};

/** One look at the server's process, its folders, the database engine, and how long a probe takes. */
export async function look(server, enginePid) {
  const [status, fds, tcp, engineFds, spill, incoming, metrics, latencyMs] = await Promise.all([
    readFile(`/proc/${server.pid}/status`, 'utf8'),
    descriptorsOf(server.pid),
    tcpInodes(server.pid),
    readdir(`/proc/${enginePid}/fd`),
    entries(join(server.blobs, '../spill')),
    entries(join(server.blobs, 'incoming')),
    metricsOf(server.origin),
    probe(server.origin),
  ]);
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    at: Date.now(),
    rss: field('VmRSS') * 1024,
    threads: field('Threads'),
    fds: fds.length,
    // Those of the server's own port, and not of the database, whose pool grows once and stays.
    connections: fds.filter((target) => tcp.has(/^socket:\[(\d+)\]$/.exec(target)?.[1])).length,
    files: fds.filter((target) => target.startsWith('/')).length,
    engineFds: engineFds.length,
    spill,
    incoming,
    latencyMs,
    ...metrics,
  };
}

async function descriptorsOf(pid) {
  const names = await readdir(`/proc/${pid}/fd`);
  return Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
}

async function tcpInodes(pid) {
  const table = await readFile(`/proc/${pid}/net/tcp`, 'utf8');
  return new Set(table.split('\n').map((line) => line.trim().split(/\s+/)[9]));
}

async function entries(folder) {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return found.filter((entry) => entry.isFile()).length;
}

async function metricsOf(origin) {
  const text = await (await fetch(`${origin}/metrics`)).text();
  const value = (name) => Number(new RegExp(`^${name}(?:{[^}]*})? ([\\d.e+-]+)$`, 'm').exec(text)?.[1] ?? 0);
  return {
    heap: value('nodejs_heap_size_used_bytes'),
    handles: value('nodejs_active_handles_total'),
    uploads: value('uploads_running'),
    websockets: value('websockets_open'),
    lagMs: value('nodejs_eventloop_lag_p99_seconds') * 1000,
  };
}

/** Milliseconds of the slowest of some requests that need nothing but the event loop. */
async function probe(origin) {
  let slowest = 0;
  for (let n = 0; n < PROBES; n += 1) {
    const began = performance.now();
    await (await fetch(`${origin}/health/live`)).text();
    slowest = Math.max(slowest, performance.now() - began);
  }
  return slowest;
}

/**
 * Holds the second half of the samples against the first.
 * @returns {{ name: string, first: number, second: number, most: number, last: number, isFlat: boolean }[]}
 */
export function growth(samples) {
  const middle = Math.floor(samples.length / 2);
  return Object.entries(BOUNDS).map(([name, { share, most, unit }]) => {
    const values = samples.map((sample) => sample[name]);
    const [first, second] = [median(values.slice(0, middle)), median(values.slice(middle))];
    const isFlat = second - first <= Math.max(first * share, most);
    const shown = (value) => Math.round((value / unit) * 10) / 10;
    return {
      name: unit === MIB ? `${name}, MiB` : name,
      first: shown(first),
      second: shown(second),
      most: shown(Math.max(...values)),
      slope: shown(slopeOf(samples.slice(middle), name)),
      isFlat,
    };
  });
}

/** Growth per minute by least squares. */
function slopeOf(samples, name) {
  if (samples.length < 2) return 0;
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const times = samples.map(({ at }) => at / 60_000);
  const values = samples.map((sample) => sample[name]);
  const [t, v] = [mean(times), mean(values)];
  const over = times.reduce((sum, time, n) => sum + (time - t) * (values[n] - v), 0);
  return over / times.reduce((sum, time) => sum + (time - t) ** 2, 0);
}
