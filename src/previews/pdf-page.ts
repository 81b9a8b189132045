import { AppError } from '../errors.ts';
import { runLimited } from '../isolated/limited-program.ts';
import type { ContentSource } from './content-source.ts';

// pdftoppm keeps what it reads from its standard input in memory.
const MOST_PDF_BYTES = 256 * 1024 * 1024;
const MOST_MEMORY = 1024 * 1024 * 1024;
const MOST_OUTPUT = 32 * 1024 * 1024;

/** The first page of a PDF as a PNG whose longest side has so many pixels; BAD_USER_INPUT for one that is damaged, locked or too large. */
export async function pdfPage(
  source: ContentSource,
  { pdftoppm, side, signal }: { pdftoppm: string; side: number; signal: AbortSignal },
): Promise<Buffer> {
  if (source.size > MOST_PDF_BYTES)
    throw new AppError('BAD_USER_INPUT', 'The document is too large for a preview.');
  return runLimited(pdftoppm, {
    args: ['-q', '-png', '-f', '1', '-l', '1', '-singlefile', '-scale-to', String(side), '-'],
    input: await source.open(),
    mostMemory: MOST_MEMORY + 2 * source.size,
    mostOutput: MOST_OUTPUT,
    signal,
  });
}
