import { parseOptions, USAGE } from './options.mjs';
import { table, writeReport } from './report.mjs';
import { openWorkbench } from './workbench.mjs';

/**
 * Runs the rows that the command line names, and prints and writes what they found.
 * @param {Record<string, (scope: import('./workbench.mjs').Scope, scale: import('./options.mjs').Scale) =>
 *   Promise<import('./report.mjs').Line[]>>} rows
 */
export async function runBench(rows) {
  try {
    await run(rows);
  } catch (error) {
    process.stderr.write(`The bench broke. ${error.stack}\n`);
    process.exitCode = 1;
  }
}

async function run(rows) {
  const options = parseOptions(process.argv.slice(2), Object.keys(rows));
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  const started = Date.now();
  const bench = await openWorkbench(options);
  const lines = [];
  try {
    for (const row of options.rows) {
      const begun = Date.now();
      lines.push(...(await bench.scope((scope) => rows[row](scope, options.scale))));
      bench.say(`(${row}) measured in ${((Date.now() - begun) / 1000).toFixed(0)} s`);
    }
  } finally {
    await bench.close();
  }
  const seconds = Math.round((Date.now() - started) / 1000);
  const path = await writeReport(options, lines, seconds);
  process.stdout.write(`\n${table(lines)}\n${seconds} s in all; every sample is in ${path}\n`);
}
