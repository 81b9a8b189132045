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
 * @property {string} goal empty on a line that only explains another
 * @property {boolean | null} met
 * @property {Record<string, unknown>} details the samples, and what helps to understand them
 */

/**
 * A line that compares medians; `goal` is the least ratio, null for one that only explains.
 * @returns {Line}
 */
export function compared({ row, what, unit, ours, baseline, goal, details = {} }) {
  const [our, their] = [median(ours), median(baseline)];
  const ratio = our / their;
  return {
    row,
    what,
    unit,
    ours: our,
    baseline: their,
    ratio,
    goal: goal === null ? '' : `≥ ${goal}`,
    met: goal === null ? null : ratio >= goal,
    details: { ours, baseline, ...details },
  };
}

/**
 * A line that must stay below a bound.
 * @returns {Line}
 */
export function bounded({ row, what, unit, ours, most, details = {} }) {
  const goal = `≤ ${most} ${unit}`;
  return { row, what, unit, ours, baseline: null, ratio: null, goal, met: ours <= most, details };
}

/** @param {Line[]} lines */
export function table(lines) {
  const cells = [['row', 'what', 'ours', 'baseline', 'unit', 'ratio', 'goal', 'met?']];
  for (const line of lines) {
    const { row, what, ours, baseline, unit, ratio, goal, met } = line;
    const verdict = met === null ? '' : met ? 'yes' : 'NO';
    cells.push([row, what, short(ours), short(baseline), unit, ratio?.toFixed(2) ?? '', goal, verdict]);
  }
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const isNumber = (column) => column === 2 || column === 3 || column === 5;
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
