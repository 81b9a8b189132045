import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { median } from '../lib/measure.mjs';

// What the service says when the database takes more than a second, as it may where everything shares a machine.
const TOLERATED = /^rate limits are counted by this node alone/;

/** Everything that is not as it should be, in words; empty where the soak passed. */
export function failings({ growth, counts, settled, check, log }) {
  return [
    ...growth
      .filter(({ isFlat }) => !isFlat)
      .map((row) => `${row.name} grew from ${row.first} to ${row.second}`),
    ...settled.left.map((what) => `left behind: ${what}`),
    ...(check.isClean ? [] : [`storage check --deep ended with ${check.code}: ${check.output}`]),
    ...(counts.faultCount > 0 ? [`${counts.faultCount} ends that nobody expected`] : []),
    ...counts.faults,
    ...Object.entries(log.errors)
      .filter(([message]) => !TOLERATED.test(message))
      .map(([message, count]) => `the log has ${count} errors: ${message}`),
  ];
}

/** The tables that a person reads. */
export function tables({ growth, counts, samples, settled, start, log }) {
  const kinds = Object.entries(counts.kinds).map(([kind, outcomes]) => [
    kind,
    Object.entries(outcomes)
      .map(([outcome, count]) => `${outcome} ${count}`)
      .join(', '),
  ]);
  const vital = growth.map((row) => [
    row.name,
    ...[row.first, row.second, row.most, row.slope].map(String),
    row.isFlat ? 'yes' : 'NO',
  ]);
  const latencies = samples.map(({ latencyMs }) => latencyMs);
  return [
    aligned([['kind', 'how it ended'], ...kinds]),
    aligned([['of the server', '1st half', '2nd half', 'most', 'per minute', 'flat?'], ...vital]),
    `the log: ${JSON.stringify({ ...log.warnings, ...log.errors })}`,
    `/health/live, slowest of five: median ${median(latencies).toFixed(0)} ms, most ${Math.max(...latencies).toFixed(0)} ms`,
    `at the start: ${held(start)}`,
    `at the end, settled within ${settled.seconds} s: ${held(settled.now)}`,
  ].join('\n\n');
}

const held = ({ fds, connections, files, rss }) =>
  `${fds} descriptors (${connections} TCP, ${files} files), ${(rss / 2 ** 20).toFixed(0)} MiB`;

function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((text, n) => text.padEnd(widths[n]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Writes everything as JSON and resolves with where. */
export async function write(out, report) {
  const date = new Date();
  const name = `soak-${date.toISOString().slice(0, 19).replaceAll(':', '-')}.json`;
  const path = resolve(out ?? join(import.meta.dirname, '../results', name));
  await mkdir(dirname(path), { recursive: true });
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    threads: availableParallelism(),
    memoryBytes: totalmem(),
  };
  await writeFile(path, `${JSON.stringify({ date, machine, ...report }, null, 2)}\n`);
  return path;
}
