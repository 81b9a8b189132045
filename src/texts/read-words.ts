import { Readable } from 'node:stream';
import { isolatedTask, runIsolated } from '../isolated/isolated-work.ts';
import { runLimited } from '../isolated/limited-program.ts';
import type { ContentSource } from '../previews/content-source.ts';
import { findTool } from '../previews/host-tools.ts';
import type * as contentWords from './content-words.ts';
import { textKind } from './text-kinds.ts';

const WORDS = isolatedTask<typeof contentWords>(import.meta.url, './content-words');
const MEBIBYTE = 1024 * 1024;
const MOST_MEMORY = 512 * MEBIBYTE;
const MOST_PDF_BYTES = 256 * MEBIBYTE;
const MOST_PDF_TEXT = 32 * MEBIBYTE;
const MOST_PAGES = 500;

let pdftotext: Promise<string | null> | undefined;

/**
 * The first 2,000 different folded words of a content; null where none are read: of its type, or on this host. Rejects with
 * BAD_USER_INPUT or PAYLOAD_TOO_LARGE for a content that is damaged or too large; any other failure may pass.
 */
export async function readWords(
  source: ContentSource,
  { mimeType, signal }: { mimeType: string; signal: AbortSignal },
): Promise<string[] | null> {
  const kind = textKind(mimeType);
  if (kind === null || source.size === 0) return null;
  const limits = { signal, mostMemory: MOST_MEMORY };
  if (kind !== 'pdf') return runIsolated(WORDS, { mimeType }, source, limits);
  const text = await pdfText(source, signal);
  if (!text) return null;
  return runIsolated(WORDS, { mimeType: 'text/plain' }, inMemory(text), limits);
}

async function pdfText(source: ContentSource, signal: AbortSignal): Promise<Buffer | null> {
  pdftotext ??= findTool('pdftotext', '-v');
  const program = await pdftotext;
  if (program === null || source.size > MOST_PDF_BYTES) return null;
  const text = await runLimited(program, {
    args: ['-q', '-enc', 'UTF-8', '-l', String(MOST_PAGES), '-', '-'],
    input: await source.open(),
    mostMemory: 2 * MOST_MEMORY + 2 * source.size,
    mostOutput: MOST_PDF_TEXT,
    signal,
  });
  return text.length > 0 ? text : null;
}

function inMemory(bytes: Buffer): ContentSource {
  return {
    size: bytes.length,
    open: async ({ start, end } = { start: 0, end: bytes.length - 1 }) =>
      Readable.from([bytes.subarray(start, end + 1)]),
  };
}
