import { Command } from 'commander';
import { readConfig } from '../config.ts';
import type { Run } from './run.ts';

/** `imaginary serve`: the service itself, until it is asked to stop. */
export function serveCommand(run: Run): Command {
  return new Command('serve')
    .description('serve until SIGTERM or SIGINT; set up by the environment, see .env.example')
    .action(async () => {
      const { serve } = await import('../app/process.ts');
      run.exitCode = await serve(readConfig(), run.signal);
    });
}
