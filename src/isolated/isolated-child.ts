import { type ChildProcess, fork } from 'node:child_process';
import { setPriority } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError, ERROR_STATUS, type ErrorCode } from '../errors.ts';
import type { ContentSource } from '../previews/content-source.ts';
import type { FromChild, Order, ToChild } from './child-messages.ts';
import { ContentReader } from './content-reader.ts';

// What scripts in it may take; pictures lie outside of it.
const HEAP_MEGABYTES = 256;
const LOWER_PRIORITY = 10;

/** A child process that decodes one content at a time. */
export class IsolatedChild {
  /** Pieces of work it was given. */
  given = 0;
  private readonly forked: ChildProcess;
  private readonly ended: Promise<string>;
  private hasEnded = false;
  private isUsable = true;

  constructor() {
    const program = new URL(`./isolated-process${extname(import.meta.url)}`, import.meta.url);
    this.forked = fork(fileURLToPath(program), [], {
      execArgv: [`--max-old-space-size=${HEAP_MEGABYTES}`],
      // None of the server’s secrets. glibc would keep an arena of freed memory for each thread.
      env: { MALLOC_ARENA_MAX: '2' },
      cwd: '/',
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.ended = new Promise((tell) => {
      this.forked.once('error', (error) => this.forked.pid === undefined && tell(error.message));
      this.forked.once('exit', (code, signal) => tell(signal ?? `code ${code}`));
    });
    void this.ended.then(() => {
      this.hasEnded = true;
    });
    if (this.forked.pid !== undefined) lowerPriority(this.forked.pid);
  }

  /** The operating system’s number of it. */
  get pid(): number {
    return this.forked.pid ?? 0;
  }

  /** Whether it can take another piece of work: one that was cut off amid its work cannot. */
  get isAlive(): boolean {
    return this.isUsable && !this.hasEnded && this.forked.connected;
  }

  /**
   * Carries out one piece of work. Rejects with the work’s own AppError, with BAD_USER_INPUT where it takes more memory
   * than it may, and with the signal’s reason once the process has ended on an abort; any other end of the process rejects, too.
   */
  async run(
    order: Omit<Order, 'kind' | 'size'>,
    source: ContentSource,
    signal: AbortSignal,
  ): Promise<unknown> {
    signal.throwIfAborted();
    this.given += 1;
    this.isUsable = false;
    const reader = new ContentReader(source);
    const kill = () => this.kill();
    signal.addEventListener('abort', kill, { once: true });
    this.hold(true);
    try {
      const result = this.result(reader);
      this.tell({ kind: 'order', ...order, size: source.size });
      return await Promise.race([result, this.ended.then((how) => died(how, signal))]);
    } finally {
      signal.removeEventListener('abort', kill);
      this.forked.removeAllListeners('message');
      reader.close();
      this.hold(false);
    }
  }

  /** Ends it at once; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.hasEnded) return;
    this.forked.ref();
    this.forked.kill('SIGKILL');
    await this.ended;
  }

  private result(reader: ContentReader): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.forked.on('message', (message: FromChild) => {
        if (message.kind === 'read') void this.send(reader, message.start, message.end);
        else if (message.kind === 'done') resolve(message.result);
        else reject(failure(message));
        this.isUsable = message.kind === 'done' || message.kind === 'failed';
      });
    });
  }

  private async send(reader: ContentReader, start: number, end: number): Promise<void> {
    try {
      this.tell({ kind: 'bytes', bytes: await reader.read(start, end) });
    } catch (error) {
      this.tell({ kind: 'unreadable', message: error instanceof Error ? error.message : 'unreadable' });
    }
  }

  private tell(message: ToChild): void {
    // A child that cannot be told anything has ended, which is seen elsewhere.
    if (this.forked.connected) this.forked.send(message, () => undefined);
  }

  /** An idle child keeps no process running. */
  private hold(isBusy: boolean): void {
    const name = isBusy ? 'ref' : 'unref';
    this.forked[name]();
    this.forked.channel?.[name]();
  }
}

function failure(message: FromChild & { kind: 'failed' | 'too-large' }): Error {
  if (message.kind === 'too-large') {
    return new AppError('BAD_USER_INPUT', 'Decoding the content takes too much memory.');
  }
  const { code } = message;
  const cause = message.cause === null ? {} : { cause: new Error(message.cause) };
  return code !== null && Object.hasOwn(ERROR_STATUS, code)
    ? new AppError(code as ErrorCode, message.message, cause)
    : new Error(message.message, cause);
}

function died(how: string, signal: AbortSignal): never {
  signal.throwIfAborted();
  throw new Error(`The process that decoded the content ended: ${how}`);
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, LOWER_PRIORITY);
  } catch {
    // It decodes at the server’s own priority then.
  }
}
