import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { median } from './measure.mjs';

/**
 * One line of the table.
 * @typedef {object} Line
 * @property {string} row
 * @property {string} what
 * @property {string} unit
 * @property {number} ours
 * @property {number | null} baseline null where the goal is a bound, not a ratio
 * @property {number | null} ratio
 * @property {number | null} cpu our server's CPU time for the work over the baseline's; null where none is compared
 * @property {string} goal empty on a line that only explains another
 * @property {boolean | null} met
 * @property {Record<string, unknown>} details the samples, and what helps to understand them
 */

/**
 * A line that compares medians; `goal` is the least ratio, null for one that only explains.
 * @param {{ row: string, what: string, unit: string, goal: number | null, details?: object,
 *   ours: import('./measure.mjs').Samples, baseline: import('./measure.mjs').Samples }} parts
 * @returns {Line}
 */
export function compared({ row, what, unit, goal, ours, baseline, details = {} }) {
  const [our, their] = [median(ours.rates), median(baseline.rates)];
  const ratio = our / their;
  return {
    row,
    what,
    unit,
    ours: our,
    baseline: their,
    ratio,
    cpu: median(ours.serverCpuSeconds) / median(baseline.serverCpuSeconds),
    goal: goal === null ? '' : `≥ ${goal}`,
    met: goal === null ? null : ratio >= goal,
    details: { samples: { ours, baseline }, ...details },
  };
}

/**
 * A line that must stay below a bound.
 * @returns {Line}
 */
export function bounded({ row, what, unit, ours, most, details = {} }) {
  const goal = `≤ ${most} ${unit}`;
  return { row, what, unit, ours, baseline: null, ratio: null, cpu: null, goal, met: ours <= most, details };
}

/** @param {Line[]} lines */
export function table(lines) {
  const cells = [['row', 'what', 'ours', 'baseline', 'unit', 'ratio', 'CPU', 'goal', 'met?']];
  for (const line of lines) {
    const { row, what, unit, goal, met } = line;
    const verdict = met === null ? '' : met ? 'yes' : 'NO';
    const [ours, baseline] = [line.ours, line.baseline].map(short);
    const [ratio, cpu] = [line.ratio, line.cpu].map(factor);
    cells.push([row, what, ours, baseline, unit, ratio, cpu, goal, verdict]);
  }
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const isNumber = (column) => [2, 3, 5, 6].includes(column);
  const print = (row) =>
    row
      .map((text, column) => (isNumber(column) ? text.padStart(widths[column]) : text.padEnd(widths[column])))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [print(cells[0]), rule, ...cells.slice(1).map(print)].join('\n');
}

/**
 * Writes everything as JSON and resolves with where.
 * @param {Line[]} lines
 */
export async function writeReport(options, lines, seconds) {
  const date = new Date();
  const name = `${date.toISOString().slice(0, 19).replaceAll(':', '-')}.json`;
  const path = resolve(options.output ?? join(import.meta.dirname, '../results', name));
  await mkdir(dirname(path), { recursive: true });
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    threads: availableParallelism(),
    memoryBytes: totalmem(),
  };
  const report = { date, seconds, quick: options.quick, scale: options.scale, machine, lines };
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

const short = (value) => (value === null ? '' : value >= 100 ? value.toFixed(0) : value.toFixed(1));

// Where the system tells no CPU times, the factor is not a number.
const factor = (value) => (Number.isFinite(value) ? value.toFixed(2) : '');
