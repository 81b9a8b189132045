import type { Command } from 'commander';
import type { Run } from './run.ts';
import { UsageError } from './usage-error.ts';

interface RetryOptions {
  readonly all?: boolean;
  readonly old?: boolean;
}

/** Adds to `imaginary jobs` what is asked and done about the contents that are to be processed. */
export function addProcessingCommands(jobs: Command, run: Run): void {
  jobs
    .command('status')
    .description('say how many contents wait to be processed, are being processed, and were given up')
    .action(() => status(run));
  jobs
    .command('failed')
    .description('name the contents whose processing was given up, the last ones first, and why')
    .action(() => failed(run));
  jobs
    .command('retry')
    .description('have contents processed once more that were given up')
    .argument('[id]', 'the id of a content or of a file')
    .option('--all', 'all of them')
    .option('--old', 'what was never processed, such as what was stored before there were previews')
    .action((id: string | undefined, options: RetryOptions) => retry(run, id, options));
}

async function status(run: Run): Promise<void> {
  const { processing } = await run.open();
  const { waiting, running, failed: givenUp } = await processing.backlog.counts();
  run.say(`waiting  ${waiting}`);
  run.say(`running  ${running}`);
  run.say(`failed   ${givenUp}`);
}

async function failed(run: Run): Promise<void> {
  const { processing } = await run.open();
  const all = await processing.backlog.failed();
  for (const { blob, at, reason } of all) {
    // One line each, whatever a program wrote.
    run.say(`${blob.toHexString()}  ${at.toISOString()}  ${reason.replace(/\s+/g, ' ')}`);
  }
  if (all.length === 0) run.say('Nothing was given up.');
}

async function retry(run: Run, id: string | undefined, { all, old }: RetryOptions): Promise<void> {
  if ([id !== undefined, all, old].filter(Boolean).length !== 1) {
    throw new UsageError('name one content or file, or say --all or --old');
  }
  const { backlog } = (await run.open()).processing;
  if (id !== undefined) {
    if (!(await backlog.retry(id))) throw new Error(`nothing of the id ${id} was given up`);
    run.say('1 content will be processed.');
    return;
  }
  const count = all ? await backlog.retryAll(run.signal) : await backlog.processOld(run.signal);
  run.say(`${count} ${count === 1 ? 'content' : 'contents'} will be processed.`);
}
