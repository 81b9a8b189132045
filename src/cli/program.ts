import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { jobsCommand } from './jobs-command.ts';
import { keysCommand } from './keys-command.ts';
import { migrateCommand } from './migrate-command.ts';
import type { Run } from './run.ts';
import { serveCommand } from './serve-command.ts';
import { storageCommand } from './storage-command.ts';
import { usersCommand } from './users-command.ts';

/** The whole command line; `fail` is told, in one line, what is wrong with how it was called. */
export function createProgram(run: Run, fail: (message: string) => void): Command {
  const program = new Command('imaginary')
    .description('imaginaryStorage: serves files, and looks after what it stores.')
    .version(version())
    .option('--verbose', 'log what is done, and show errors with their causes and where they come from')
    .exitOverride()
    .configureOutput({ outputError: (text) => fail(text.replace(/^error: /, '')) });
  for (const command of [
    serveCommand,
    migrateCommand,
    jobsCommand,
    usersCommand,
    storageCommand,
    keysCommand,
  ]) {
    program.addCommand(command(run));
  }
  inherit(program);
  return program;
}

/** Gives every command the settings of the whole: `addCommand` leaves it its own, by which it would end the process itself. */
function inherit(parent: Command): void {
  for (const child of parent.commands) inherit(child.copyInheritedSettings(parent));
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
