// The child process in which contents are decoded: it has no secrets, no database and no connection but the one to its
// parent, and whatever a content does to it, it does to this process alone.
import { writeFile } from 'node:fs/promises';
import { AppError } from '../errors.ts';
import type { FromChild, Order, RemoteContent, ToChild } from './child-messages.ts';
import { FetchedContent } from './remote-content.ts';

type Work = (content: RemoteContent, given: unknown) => Promise<unknown>;

const LOOK_MS = 25;
const CAUSE_KEPT = 1_000;

let answer: ((message: Exclude<ToChild, Order>) => void) | null = null;

process.on('message', (message: ToChild) => {
  if (message.kind === 'order') void carryOut(message);
  else answer?.(message);
});
// A parent that is gone wants no result. An orderly exit would wait for what is being decoded.
process.on('disconnect', die);
// Whoever runs short of memory, this is the process to end.
void writeFile('/proc/self/oom_score_adj', '1000').catch(() => undefined);

async function carryOut({ module, given, size, mostMemory }: Order): Promise<void> {
  const watch = setInterval(() => {
    if (process.memoryUsage.rss() > mostMemory) tell({ kind: 'too-large' }, die);
  }, LOOK_MS);
  try {
    const { work }: { work: Work } = await import(module);
    tell({ kind: 'done', result: await work(new FetchedContent(size, fetchRange), given) });
  } catch (error) {
    tell(failureOf(error));
  } finally {
    clearInterval(watch);
  }
}

function failureOf(error: unknown): FromChild {
  if (!(error instanceof Error)) return { kind: 'failed', code: null, message: String(error), cause: null };
  const code = error instanceof AppError ? error.code : null;
  const cause = error.cause instanceof Error ? error.cause.message.slice(0, CAUSE_KEPT) : null;
  return { kind: 'failed', code, message: error.message, cause };
}

function fetchRange(start: number, end: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    answer = (message) => {
      if (message.kind === 'bytes') resolve(Buffer.from(message.bytes));
      else reject(new AppError('STORAGE_UNAVAILABLE', message.message));
    };
    tell({ kind: 'read', start, end });
  });
}

function tell(message: FromChild, then: () => void = () => undefined): void {
  process.send?.(message, undefined, undefined, then);
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}
