import { Command } from 'commander';
import { messageOf } from './error-text.ts';
import { addProcessingCommands } from './processing-commands.ts';
import type { Run } from './run.ts';
import { UsageError } from './usage-error.ts';

const ALL = 'all';

/** `imaginary jobs`: what the service does by itself, now and by hand. */
export function jobsCommand(run: Run): Command {
  const jobs = new Command('jobs').description('look at what the service does by itself, and do it now');
  jobs
    .command('list')
    .description('name every job')
    .action(async () => {
      const { janitor } = await run.open();
      const width = Math.max(...janitor.jobs.map(({ name }) => name.length));
      for (const { name, about } of janitor.jobs) run.say(`${name.padEnd(width)}  ${about}`);
    });
  addProcessingCommands(jobs, run);
  jobs
    .command('run')
    .description('run these jobs once, one after the other')
    .argument('<name...>', `names of jobs, or \`${ALL}\``)
    .action((names: string[]) => runJobs(run, names));
  return jobs;
}

async function runJobs(run: Run, names: string[]): Promise<void> {
  const { janitor } = await run.open();
  const known = janitor.jobs.map(({ name }) => name);
  const unknown = names.find((name) => name !== ALL && !known.includes(name));
  if (unknown !== undefined) throw new UsageError(`unknown job '${unknown}'; see \`imaginary jobs list\``);

  const failed: { name: string; error: unknown }[] = [];
  for (const name of names.includes(ALL) ? known : names) {
    const { outcome, count, milliseconds, error } = await janitor.run(name, run.signal);
    if (outcome === 'stopped') throw error;
    if (outcome === 'failed') failed.push({ name, error });
    const about = {
      done: `dealt with ${count}`,
      failed: 'failed',
      skipped: 'left alone, another node is at it',
    };
    run.say(`${name}: ${about[outcome]} (${milliseconds} ms)`);
  }
  if (failed.length === 0) return;
  const reasons = failed.map(({ name, error }) => `${name} failed: ${messageOf(error)}`);
  throw new AggregateError(
    failed.map(({ error }) => error),
    reasons.join('; '),
  );
}
