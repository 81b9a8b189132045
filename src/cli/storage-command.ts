import { Command } from 'commander';
import type { Run } from './run.ts';
import { checkCommand } from './storage-check.ts';
import { moveCommand } from './storage-move.ts';

/** `imaginary storage`: what is done about the stores as a whole. */
export function storageCommand(run: Run): Command {
  return new Command('storage')
    .description('check what is stored, and move it')
    .addCommand(moveCommand(run))
    .addCommand(checkCommand(run));
}
