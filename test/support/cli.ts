import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** How a command of the built code ended. */
export interface CommandRun {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that is under way. */
export interface RunningCommand {
  readonly ended: Promise<CommandRun>;
  /** Resolves once stdout holds such a text, with what it matched; rejects when the command ends without it. */
  says(text: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
}

const PROGRAM = fileURLToPath(new URL('../../dist/cli/imaginary.js', import.meta.url));
const LONGEST_MS = 60_000;

/** Starts `imaginary` with these arguments, these variables and nothing else; `input` is all there is on stdin. */
export function startCommand(
  args: readonly string[],
  { env = {}, input = '', cwd }: { env?: Readonly<Record<string, string>>; input?: string; cwd: string },
): RunningCommand {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { PATH, HOME, ...env },
    cwd,
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const endWithUs = () => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  // A command that does not read it may be gone before it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text;
    });
  }
  const ended = once(child, 'close').then(([code]) => {
    process.off('exit', endWithUs);
    return { code, ...written };
  });
  const says = (text: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = text.exec(written.stdout);
        if (match) resolve(match);
      };
      child.stdout.on('data', look);
      look();
      ended.then((run) => reject(new Error(`It ended with ${run.code} before that:\n${run.stderr}`)));
    });
  return { ended, says, kill: (signal) => void child.kill(signal) };
}

/** Runs `imaginary` to its end; see `startCommand`. */
export function runCommand(...given: Parameters<typeof startCommand>): Promise<CommandRun> {
  return startCommand(...given).ended;
}
