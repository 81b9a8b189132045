import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../errors.ts';

/** One run of a program of the host. */
export interface LimitedRun {
  readonly args: readonly string[];
  /** What it reads from its standard input; destroyed in any case. */
  readonly input?: Readable;
  /** Bytes of addresses that it may take. */
  readonly mostMemory: number;
  /** Bytes that it may say. */
  readonly mostOutput: number;
  readonly signal: AbortSignal;
}

// It may write no file: a content’s plain bytes stay in memory. A program whose server is gone ends by itself, at the
// latest after so much work.
const LIMITED =
  'ulimit -c 0; ulimit -f 0; ulimit -t 600; ulimit -v "$1" 2>/dev/null; trap "" XFSZ; shift; exec nice -n 10 "$@"';
const STDERR_KEPT = 2_000;

/**
 * Runs a program with bounded memory, no files to write, and nothing of this process’s environment; resolves with what
 * it said. BAD_USER_INPUT where it fails or exceeds its bounds; rejects with the signal’s reason once an abort has ended it.
 */
export async function runLimited(program: string, run: LimitedRun): Promise<Buffer> {
  const { args, input, mostMemory, mostOutput, signal } = run;
  const child = spawn(
    '/bin/sh',
    ['-c', LIMITED, 'sh', String(Math.ceil(mostMemory / 1024)), program, ...args],
    {
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C' },
      cwd: '/',
      stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    },
  );
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  // One that has seen enough stops reading, which is no failure of its own.
  const fed = input && child.stdin ? pipeline(input, child.stdin).catch(() => undefined) : undefined;
  const output = collect(child.stdout, mostOutput, kill);
  const complaint = lastWords(child.stderr);
  try {
    const how = await ending(child);
    signal.throwIfAborted();
    if (how !== 'code 0')
      throw new AppError('BAD_USER_INPUT', 'The content is damaged.', { cause: complaint(how) });
    return output();
  } finally {
    signal.removeEventListener('abort', kill);
    input?.destroy();
    await fed;
  }
}

function ending(child: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? `code ${code}`));
  });
}

function collect(from: Readable | null, most: number, stop: () => void): () => Buffer {
  const parts: Buffer[] = [];
  let bytes = 0;
  from?.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > most) stop();
    else parts.push(part);
  });
  return () => Buffer.concat(parts);
}

function lastWords(from: Readable | null): (how: string) => Error {
  let said = '';
  from?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-STDERR_KEPT);
  });
  return (how) => new Error(`The program ended with ${how}: ${said.trim()}`);
}
