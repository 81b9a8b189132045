import { Command } from 'commander';
import { CheckReport } from './check-report.ts';
import { CheckTable } from './check-table.ts';
import type { Run } from './run.ts';
import { UsageError } from './usage-error.ts';

interface Options {
  readonly repair?: boolean;
  readonly force?: boolean;
  readonly deep?: boolean;
  readonly json?: boolean;
  readonly provider?: string;
}

/** `imaginary storage check`: exit code 0 when all agrees, or was made to, and 1 when something is wrong. */
export function checkCommand(run: Run): Command {
  return new Command('check')
    .description('compare what the database says with what lies in the stores, both ways')
    .option('--repair', 'put right what is wrong: from another copy where there is one, else as lost')
    .option('--force', 'with --repair: also forget more than half of what one place has')
    .option('--deep', 'read every copy to its end and compare its SHA-256')
    .option('--json', 'print one JSON document instead of a table')
    .option('--provider <name>', 'look at one provider alone, and not at counts')
    .action((options: Options) => check(run, options));
}

async function check(run: Run, options: Options): Promise<void> {
  if (options.force && !options.repair) throw new UsageError('--force says something about --repair alone');
  const { storageCheck, stores } = await run.open();
  const known = stores.all.map(({ provider }) => provider);
  if (options.provider !== undefined && !known.includes(options.provider)) {
    throw new UsageError(`'${options.provider}' is no configured provider: ${known.join(', ')}`);
  }
  const report = options.json ? new CheckReport(run) : new CheckTable(run);
  let isWrong = false;
  const observer = {
    result(result: Parameters<typeof report.add>[0]) {
      if (result.outcome !== 'repaired') isWrong = true;
      report.add(result);
    },
    progress(what: string, looked: number) {
      if (run.isTerminal) run.tell(`\r\u001b[K${what}: ${looked}`);
    },
  };
  try {
    const summary = await storageCheck.run(options, observer, run.signal);
    if (!summary) throw new Error('another check is running');
    if (run.isTerminal) run.tell('\r\u001b[K');
    report.end(summary);
    if (isWrong || summary.unreachable.length > 0) run.exitCode = 1;
  } catch (error) {
    report.breakOff(error);
    throw error;
  }
}
