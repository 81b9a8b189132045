import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A fenced block of a document. */
export interface Fence {
  /** The words behind the opening fence, such as `sh` or `json variables`. */
  readonly kind: string;
  readonly text: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
  /** Whether only blank lines part it from the fence before. */
  readonly follows: boolean;
}

/** One document for people. */
export interface Document {
  /** From the project's folder. */
  readonly path: string;
  readonly text: string;
  readonly fences: readonly Fence[];
}

/** README, CONTRIBUTING and every chapter of spec/. */
export function documents(): Document[] {
  const chapters = readdirSync(`${ROOT}/spec`, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `spec/${path}`);
  return ['README.md', 'CONTRIBUTING.md', ...chapters.sort()].map((path) => {
    const text = readFileSync(`${ROOT}/${path}`, 'utf8');
    return { path, text, fences: fencesOf(text) };
  });
}

/** The headings of a document as the fragments that links name. */
export function anchorsOf(text: string): string[] {
  return [...withoutFences(text).matchAll(/^#+ +(.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The targets of a document's relative links. */
export function linksOf(text: string): string[] {
  return [...withoutFences(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

const withoutFences = (text: string) => text.replace(/^```[\s\S]*?^```$/gm, '');

function fencesOf(text: string): Fence[] {
  const fences: Fence[] = [];
  let open: { kind: string; line: number; lines: string[] } | null = null;
  let follows = false;
  for (const [index, row] of text.split('\n').entries()) {
    if (open && row === '```') {
      fences.push({ kind: open.kind, text: open.lines.join('\n'), line: open.line, follows });
      open = null;
      follows = true;
    } else if (open) open.lines.push(row);
    else if (row.startsWith('```')) open = { kind: row.slice(3).trim(), line: index + 1, lines: [] };
    else if (row.trim() !== '') follows = false;
  }
  if (open) throw new Error(`The block that opens in line ${open.line} is never closed.`);
  return fences;
}
