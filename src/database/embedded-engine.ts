import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EngineOrder, EngineReport } from './engine-process.ts';
import { PRIVATE_RECORD, SHARED_RECORD } from './engine-records.ts';
import { engineCommand } from './newer-glibc.ts';

/** Where the engine keeps its data, where it may cache what it had to fetch, and whom it tells about it. */
export interface EngineOptions {
  readonly directory: string;
  readonly cacheDirectory: string;
  readonly log: (message: string) => void;
  /** How long to wait for another engine to let the directory go, in milliseconds; 10 seconds by default. */
  readonly patienceMs?: number;
  /** Whether other processes may find it by its directory (see `sharedEngine`); they may by default. */
  readonly shared?: boolean;
}

/** A MongoDB engine that serves one data directory from a process of its own. */
export interface EmbeddedEngine {
  /** A `mongodb://` address without a database, for any process of this user: append `/name`. */
  readonly uri: string;
  readonly pid: number;
  /** Resolves with the reason when the engine ends although nobody stopped it; never rejects. */
  readonly died: Promise<Error>;
  /** Closes the engine and resolves when its process is gone; calling it again awaits the same end. */
  stop(): Promise<void>;
}

const STOP_DEADLINE_MS = 20_000;
const STDERR_KEPT = 2_000;

/** Serves the data directory, made if absent; rejects when it is in use or the engine can't run on this machine. */
export async function startEmbeddedEngine(options: EngineOptions): Promise<EmbeddedEngine> {
  const directory = resolve(options.directory);
  const command = await engineCommand(options);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const record = options.shared === false ? PRIVATE_RECORD : SHARED_RECORD;
  const child = spawnEngine(command, [directory, String(options.patienceMs ?? 10_000), record]);
  const lastWords = keepLastWords(child);
  const ended = whenEnded(child);

  const socketPath = await Promise.race([
    whenReady(child, directory, options.log),
    ended.then((how) => {
      throw new Error(`The embedded MongoDB engine did not start on ${directory}: ${how}${lastWords()}`);
    }),
  ]).catch(async (error) => {
    await ended;
    throw error;
  });

  let stopping: Promise<void> | undefined;
  const died = new Promise<Error>((tell) => {
    void ended.then(async (how) => {
      await removeSocket(socketPath);
      if (stopping === undefined) tell(new Error(`The embedded MongoDB engine died: ${how}${lastWords()}`));
    });
  });
  return {
    uri: `mongodb://${encodeURIComponent(socketPath)}`,
    pid: child.pid ?? 0,
    died,
    stop() {
      stopping ??= stopChild(child, ended, options.log).then(() => removeSocket(socketPath));
      return stopping;
    },
  };
}

function spawnEngine(command: readonly string[], args: readonly string[]): ChildProcess {
  const program = fileURLToPath(new URL(`./engine-process${extname(import.meta.url)}`, import.meta.url));
  const [file = process.execPath, ...leading] = command;
  return spawn(file, [...leading, program, ...args], {
    // A session of its own, so that Ctrl-C in a terminal reaches the API alone, which then closes the engine.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

function keepLastWords(child: ChildProcess): () => string {
  let kept = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    kept = (kept + text).slice(-STDERR_KEPT);
  });
  return () => (kept.trim() === '' ? '' : `\n${kept.trim()}`);
}

/** Resolves with a sentence about how the process ended, also when it could not be started at all. */
function whenEnded(child: ChildProcess): Promise<string> {
  return new Promise((tell) => {
    child.once('error', (error) => {
      if (child.pid === undefined) tell(error.message);
    });
    child.once('close', (code, signal) => {
      tell(`its process ended with ${signal === null ? `code ${code}` : `signal ${signal}`}`);
    });
  });
}

function whenReady(child: ChildProcess, directory: string, log: (message: string) => void): Promise<string> {
  return new Promise((ready, refuse) => {
    child.on('message', (report: EngineReport) => {
      if (report.kind === 'ready') ready(report.socketPath);
      else if (report.kind === 'waiting') log(`Waiting for another process to let go of ${directory}`);
      else refuse(startFailure(report, directory));
    });
  });
}

function startFailure(report: EngineReport & { kind: 'failed' }, directory: string): Error {
  if (report.reason === 'in-use') {
    return new Error(
      `The data directory ${directory} is already in use by another imaginaryStorage: stop that one first, or give this one a directory of its own`,
    );
  }
  return new Error(`The embedded MongoDB engine did not start on ${directory}: ${report.message}`);
}

async function stopChild(child: ChildProcess, ended: Promise<string>, log: (message: string) => void) {
  if (child.connected) child.send('close' satisfies EngineOrder, () => {});
  const giveUp = new AbortController();
  const late = delay(STOP_DEADLINE_MS, true, { signal: giveUp.signal }).catch(() => false);
  if (await Promise.race([late, ended.then(() => false)])) {
    log('The embedded MongoDB engine did not close in time and was killed; journaled writes are safe');
    child.kill('SIGKILL');
  }
  giveUp.abort();
  await ended;
}

// A killed engine leaves its socket and the private directory around it; a closed one has removed both.
async function removeSocket(socketPath: string): Promise<void> {
  await rm(dirname(socketPath), { recursive: true, force: true }).catch(() => {});
}
