// Runs in a child process.
import type { RemoteContent } from '../isolated/child-messages.ts';
import { foldedWords } from './folded-words.ts';
import { unmarked } from './marked-text.ts';
import { officeText } from './office-text.ts';
import { textKind } from './text-kinds.ts';

/** The most words that are kept of a content. */
const MOST_WORDS = 2_000;
const MOST_TEXT_BYTES = 4 * 1024 * 1024;
const PIECE = 64 * 1024;

/** The first folded words of a content, each once; none of one that tells none. */
export async function work(content: RemoteContent, { mimeType }: { mimeType: string }): Promise<string[]> {
  const text = await textOf(content, mimeType);
  const words = new Set<string>();
  // Folded piece by piece, so that a long text ends with its last word that is wanted.
  for (const piece of pieces(text)) {
    for (const word of foldedWords(piece)) {
      words.add(word);
      if (words.size === MOST_WORDS) return [...words];
    }
  }
  return [...words];
}

async function textOf(content: RemoteContent, mimeType: string): Promise<string> {
  const kind = textKind(mimeType);
  if (kind === 'office') return officeText(content);
  const bytes = await content.read(0, Math.min(content.size, MOST_TEXT_BYTES) - 1);
  const text = decoded(bytes);
  return kind === 'marked' ? unmarked(text) : text;
}

function decoded(bytes: Buffer): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    // What was cut off within a letter is no error.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const gap = text.slice(at + PIECE, at + 2 * PIECE).search(/\s/);
    const end = gap < 0 ? at + 2 * PIECE : at + PIECE + gap + 1;
    yield text.slice(at, end);
    at = end;
  }
}
