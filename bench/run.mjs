import { parseOptions, USAGE } from './lib/options.mjs';
import { table, writeReport } from './lib/report.mjs';
import { openWorkbench } from './lib/workbench.mjs';
import { download } from './rows/download.mjs';
import { listing } from './rows/listing.mjs';
import { memory } from './rows/memory.mjs';
import { uploadLarge } from './rows/upload-large.mjs';
import { uploadSmall } from './rows/upload-small.mjs';

const ROWS = { a: uploadLarge, b: uploadSmall, c: download, d: listing, e: memory };

async function main() {
  const options = parseOptions(process.argv.slice(2), Object.keys(ROWS));
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
      lines.push(...(await bench.scope((scope) => ROWS[row](scope, options.scale))));
      bench.say(`(${row}) measured in ${((Date.now() - begun) / 1000).toFixed(0)} s`);
    }
  } finally {
    await bench.close();
  }
  const seconds = Math.round((Date.now() - started) / 1000);
  const path = await writeReport(options, lines, seconds);
  process.stdout.write(`\n${table(lines)}\n${seconds} s in all; every sample is in ${path}\n`);
}

main().catch((error) => {
  process.stderr.write(`The bench broke. ${error.stack}\n`);
  process.exitCode = 1;
});
