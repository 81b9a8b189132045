#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { CommanderError } from 'commander';
import { Stopped, stopSignal } from '../app/stop-signal.ts';
import { hasCode } from '../errors.ts';
import { messageOf, stackOf } from './error-text.ts';
import { createProgram } from './program.ts';
import { processRun } from './run.ts';
import { UsageError } from './usage-error.ts';

const USAGE = 2;
const STOPPED = { SIGINT: 130, SIGTERM: 143 } as const;

async function main(): Promise<number> {
  const signal = stopSignal();
  const run = processRun(signal, isVerbose);
  const program = createProgram(run, (message) =>
    fail(`${message.trim().replaceAll('\n', ' ')}; see \`imaginary --help\``),
  );
  function isVerbose(): boolean {
    return program.opts<{ verbose?: boolean }>().verbose === true;
  }
  let lost: Error | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that goes away, such as `head`, is no reason to leave work half done; a disk that is full is told of.
    if (error.code !== 'EPIPE') lost ??= error;
  });
  process.stderr.on('error', () => undefined);
  try {
    // The settings that `npm start` reads too; what is set in the environment wins.
    if (existsSync('.env')) process.loadEnvFile('.env');
    try {
      await program.parseAsync();
    } finally {
      await run.close();
    }
    if (lost) throw new Error(`The output could not be written: ${lost.message}`);
  } catch (error) {
    return failed(error, signal, isVerbose());
  }
  return run.exitCode ?? stopped(signal) ?? 0;
}

/** Says what went wrong, and resolves with the exit code for it. */
function failed(error: unknown, signal: AbortSignal, verbose: boolean): number {
  // Has been said, or was a wish for help.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  const code = stopped(signal);
  fail(code === null || verbose ? messageOf(error) : messageOf(signal.reason));
  if (verbose) process.stderr.write(`${stackOf(error)}\n`);
  return code ?? (error instanceof UsageError || hasCode(error, 'BAD_USER_INPUT') ? USAGE : 1);
}

function stopped(signal: AbortSignal): number | null {
  if (!signal.aborted) return null;
  return signal.reason instanceof Stopped ? STOPPED[signal.reason.signal] : 1;
}

/** Writes one line, whatever the text. */
function fail(text: string): void {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  process.stderr.write(`imaginary: ${lines.join('; ').replaceAll(':;', ':')}\n`);
}

process.exit(await main());
