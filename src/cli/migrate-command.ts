import { Command } from 'commander';
import type { Run } from './run.ts';

/** `imaginary migrate`: brings the database up to date. */
export function migrateCommand(run: Run): Command {
  return new Command('migrate').description('bring the database up to date').action(async () => {
    const { migrated } = await run.open({ MIGRATE_ON_START: true });
    run.say(migrated.length > 0 ? `Applied ${migrated.join(', ')}.` : 'Nothing to do.');
  });
}
