import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

const START_MS = 60_000;
const STOP_MS = 30_000;
const ANSWER_MS = 240_000;
const KEPT_OUTPUT = 4000;

/** Every process of this run that still lives. */
const living = new Set();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/**
 * Starts a program and waits for a line of its output.
 * @param {string[]} args for Node
 * @param {{ env: NodeJS.ProcessEnv, cwd: string }} how
 * @param {RegExp} ready the line that tells it is ready
 * @param {(text: string) => void} [heard] is given all of its output
 */
export async function startProgram(args, { env, cwd }, ready, heard = () => {}) {
  const child = track(spawn(process.execPath, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] }));
  let output = '';
  const found = new Promise((resolve) => {
    const read = (text) => {
      heard(text);
      output = (output + text).slice(-KEPT_OUTPUT);
      const match = ready.exec(output);
      if (match) resolve(match);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
  });
  const match = await Promise.race([found, deathOf(child, () => output), late(START_MS, 'it did not start')]);
  return { pid: child.pid, match, stop: () => stop(child) };
}

/**
 * Starts a helper module, which answers messages `{ job }` with `{ result }` or `{ error }`, one at a time.
 * @param {URL} module
 * @param {NodeJS.ProcessEnv} env
 */
export function startHelper(module, env) {
  const child = track(fork(module, { env, execArgv: [], serialization: 'advanced' }));
  const dead = deathOf(child, () => '');
  dead.catch(() => {});
  return {
    pid: child.pid,
    async ask(job) {
      child.send({ job });
      const answer = once(child, 'message').then(([message]) => message);
      const { result, error } = await Promise.race([answer, dead, late(ANSWER_MS, 'no answer came')]);
      if (error !== undefined) throw new Error(error);
      return result;
    },
    stop: () => stop(child),
  };
}

/** Answers the messages of `startHelper`, in the helper; it ends with the process that started it. */
export function serve(handle) {
  process.on('disconnect', () => process.exit(0));
  process.on('message', async ({ job }) => {
    try {
      process.send({ result: await handle(job) });
    } catch (error) {
      process.send({ error: error.stack });
    }
  });
}

function track(child) {
  living.add(child);
  child.once('exit', () => living.delete(child));
  return child;
}

async function deathOf(child, lastWords) {
  const [code, signal] = await once(child, 'exit');
  throw new Error(`Process ${child.pid} ended with ${signal ?? `code ${code}`}. ${lastWords()}`);
}

async function late(milliseconds, what) {
  await delay(milliseconds, undefined, { ref: false });
  throw new Error(`After ${milliseconds / 1000} s ${what}.`);
}

async function stop(child) {
  if (!living.has(child)) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await Promise.race([gone, delay(STOP_MS, undefined, { ref: false }).then(() => child.kill('SIGKILL'))]);
  await gone;
}
