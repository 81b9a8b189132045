import { createInterface } from 'node:readline/promises';
import { type Readable, Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { UsageError } from './usage-error.ts';

/** Asks for a password, twice and without showing it, where somebody types; elsewhere it is the first line that comes. */
export async function readPassword(
  input: ReadStream | (Readable & { isTTY?: boolean }),
  prompts: Writable,
  signal: AbortSignal,
): Promise<string> {
  if (!input.isTTY) return firstLine(input, signal);
  const password = await askUnseen(input, prompts, 'Password: ', signal);
  const again = await askUnseen(input, prompts, 'Once more: ', signal);
  if (password !== again) throw new UsageError('the two passwords differ');
  return password;
}

async function askUnseen(input: Readable, prompts: Writable, question: string, signal: AbortSignal) {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const line = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
  // A terminal that does not echo gives Ctrl-C as a character.
  line.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  const closed = new Promise<never>((_, reject) => {
    line.once('close', () => reject(new UsageError('no password was given')));
  });
  prompts.write(question);
  try {
    return await Promise.race([line.question('', { signal }), closed]);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    line.close();
    prompts.write('\n');
  }
}

const MOST_BYTES = 64 * 1024;

async function firstLine(input: Readable, signal: AbortSignal): Promise<string> {
  let text = '';
  const stop = () => input.destroy(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    for await (const chunk of input.setEncoding('utf8')) {
      text += chunk;
      if (text.includes('\n') || text.length > MOST_BYTES) break;
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
  const [line = ''] = text.split(/\r?\n/, 1);
  if (line === '') throw new UsageError('no password was given: it is the first line of stdin');
  return line;
}
