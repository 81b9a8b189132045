import { Command } from 'commander';
import { readPassword } from './read-password.ts';
import type { Run } from './run.ts';
import { UsageError } from './usage-error.ts';

interface AdminOptions {
  readonly username?: string;
  readonly email?: string;
  readonly promote?: boolean;
}

/** `imaginary users`: what cannot be done over the API, since nobody is an administrator at first. */
export function usersCommand(run: Run): Command {
  const users = new Command('users').description('manage accounts');
  users
    .command('create-admin')
    .description(
      'make an account that administers the service; the password is asked for, or is the first line of stdin',
    )
    .option('--username <name>', '3 to 30 letters, digits or underscores')
    .option('--email <address>', 'its email address')
    .option('--promote', 'make an administrator of the account that has this name or address already')
    .action((options: AdminOptions) => (options.promote ? promote(run, options) : createAdmin(run, options)));
  return users;
}

async function createAdmin(run: Run, { username, email }: AdminOptions): Promise<void> {
  if (username === undefined || email === undefined) {
    throw new UsageError('create-admin needs --username and --email');
  }
  const password = await readPassword(process.stdin, process.stderr, run.signal);
  const { services } = await run.open();
  const user = await services.appointments.createAdmin({ username, email, password });
  run.say(`Created the administrator ${user.username} (${user.id}).`);
}

async function promote(run: Run, { username, email }: AdminOptions): Promise<void> {
  if (username === undefined && email === undefined) {
    throw new UsageError('create-admin --promote needs --username or --email');
  }
  const { services } = await run.open();
  const user = await services.appointments.promote({ username, email });
  run.say(`${user.username} (${user.id}) is an administrator.`);
}
