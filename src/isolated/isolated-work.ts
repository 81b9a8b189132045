import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { ContentSource } from '../previews/content-source.ts';
import type { RemoteContent } from './child-messages.ts';
import { IsolatedChild } from './isolated-child.ts';

/** Work that a child process does: a module of this build, and through its type what it takes and finds. */
export interface IsolatedTask<Given, Found> {
  readonly module: string;
  readonly work?: (content: RemoteContent, given: Given) => Promise<Found>;
}

/** What bounds a piece of work. */
export interface WorkLimits {
  /** Its abort ends the process, by which everything that the work holds is free. */
  readonly signal: AbortSignal;
  /** Bytes of memory that the process may take. */
  readonly mostMemory: number;
}

// More than there are processors would only take memory.
const MOST_CHILDREN = Math.max(2, availableParallelism());
// A process that has seen many contents has gathered their leftovers.
const MOST_WORK = 200;
const IDLE_MS = 30_000;

const idle: IsolatedChild[] = [];
const waiting: (() => void)[] = [];
let busy = 0;

/** The work of a module beside the caller’s: `path` is relative to `from`, without its suffix. */
export function isolatedTask<
  Module extends { work: (content: RemoteContent, given: never) => Promise<unknown> },
>(
  from: string,
  path: string,
): IsolatedTask<Parameters<Module['work']>[1], Awaited<ReturnType<Module['work']>>> {
  return { module: new URL(`${path}${extname(from)}`, from).href };
}

/**
 * Does a piece of work on a content in a child process and resolves with what it found; for the failures see
 * `IsolatedChild.run`. So many run at once as there are processors, two at least; the others wait their turn.
 */
export async function runIsolated<Given, Found>(
  { module }: IsolatedTask<Given, Found>,
  given: Given,
  source: ContentSource,
  { signal, mostMemory }: WorkLimits,
): Promise<Found> {
  await turn(signal);
  const child = takeIdle() ?? new IsolatedChild();
  try {
    return (await child.run({ module, given, mostMemory }, source, signal)) as Found;
  } finally {
    await keepOrEnd(child);
    busy -= 1;
    waiting.shift()?.();
  }
}

/** Ends the processes that wait for work; the others end with theirs. */
export async function endIdleChildren(): Promise<void> {
  await Promise.all(idle.splice(0).map((child) => child.kill()));
}

/** The processes that wait for work, by their numbers. */
export function idleChildren(): number[] {
  return idle.map(({ pid }) => pid);
}

async function turn(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  while (busy >= MOST_CHILDREN) await freed(signal);
  busy += 1;
}

function freed(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      waiting.splice(waiting.indexOf(proceed), 1);
      reject(signal.reason);
    };
    const proceed = () => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    };
    waiting.push(proceed);
    signal.addEventListener('abort', giveUp, { once: true });
  });
}

function takeIdle(): IsolatedChild | undefined {
  for (let child = idle.pop(); child; child = idle.pop()) if (child.isAlive) return child;
  return undefined;
}

async function keepOrEnd(child: IsolatedChild): Promise<void> {
  if (!child.isAlive || child.given >= MOST_WORK) return child.kill();
  idle.push(child);
  const { given } = child;
  setTimeout(() => {
    const at = idle.indexOf(child);
    if (at >= 0 && child.given === given) void idle.splice(at, 1)[0]?.kill();
  }, IDLE_MS).unref();
}
