import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { parseSync } from '@swc/core';
import { sample, stringMatching } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ROOT } from './support/documents.ts';

const LENGTH = 25 * 1024;
const MOST_MS = 250;
const GIVEN_UP_MS = 2_000;
// What matches once, one at a time and together, whatever the expression says.
const USUAL = [
  'a',
  '0',
  ' ',
  '\t',
  '\n',
  '.',
  '-',
  '/',
  '=',
  '"',
  ',',
  ';',
  ':',
  '%',
  '@',
  '_',
  'é',
  '\u202e',
  'a.',
  '0-',
  ', ',
];
const ENDS = ['', '\u0000', '!'];

interface Expression {
  readonly place: string;
  readonly source: string;
  readonly flags: string;
}

/** Those that may take longer, since no stranger writes what they are held against. */
const OF_OUR_OWN = new Map([
  ['auth/password-hash.ts =+$', 'the base64 of a hash that was made here'],
  ['blobs/gcs-store.ts \\/+$', 'an address that the operator set'],
]);

/** Every regular expression that is written in a module of src. */
function expressionsOf(path: string): Expression[] {
  const module = parseSync(readFileSync(join(ROOT, 'src', path), 'utf8'), {
    syntax: 'typescript',
    decorators: true,
    target: 'esnext',
  });
  const found: Expression[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, pattern, flags } = node as Record<string, unknown>;
    if (type === 'RegExpLiteral') found.push({ place: path, source: `${pattern}`, flags: `${flags ?? ''}` });
    for (const inner of Object.values(node)) visit(inner);
  };
  visit(module.body);
  return found;
}

const modules = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .toSorted();
const expressions = modules.flatMap(expressionsOf);
const nameOf = ({ place, source }: Expression) => `${place} ${source}`;
const exposed = expressions.filter((each) => !OF_OUR_OWN.has(nameOf(each)));

/** Texts that match, as far as any can be made. */
function matching({ source, flags }: Expression): string[] {
  try {
    const plain = new RegExp(source, flags.includes('u') ? 'u' : '');
    return sample(stringMatching(plain, { size: 'small' }), { numRuns: 5, seed: 7 });
  } catch {
    // It looks around itself, or names what no text can be made from.
    return [];
  }
}

/** Long texts that begin as one that matches, repeat a little of it, and then end so that nothing matches. */
function* adversaries(expression: Expression): Generator<string> {
  const pumped = (head: string, pump: string) =>
    ENDS.map((end) => head + pump.repeat(Math.ceil(LENGTH / pump.length)) + end);
  for (const pump of USUAL) yield* pumped('', pump);
  const seen = new Set<string>();
  for (const text of ['', ...matching(expression)].map((each) => each.slice(0, 24))) {
    for (let start = 0; start < text.length; start += 1) {
      for (const pump of [text.slice(start, start + 1), text.slice(start, start + 3)]) {
        const head = text.slice(0, start);
        if (seen.has(`${head.length} ${pump}`) || seen.size > 20) continue;
        seen.add(`${head.length} ${pump}`);
        yield* pumped(head, pump);
      }
    }
  }
}

/** Milliseconds of the quickest of three tries; those that never end are given up. */
function timeOf({ source, flags }: Expression, text: string): number {
  const script = new Script(flags.includes('g') ? 'text.replace(pattern, "")' : 'pattern.test(text)');
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3 && best > MOST_MS; round += 1) {
    const began = process.cpuUsage();
    try {
      script.runInNewContext({ text, pattern: new RegExp(source, flags) }, { timeout: GIVEN_UP_MS });
    } catch {
      return GIVEN_UP_MS;
    }
    const { user, system } = process.cpuUsage(began);
    best = Math.min(best, (user + system) / 1_000);
  }
  return best;
}

// CVE-2024-4067 of micromatch, CVE-2022-25883 of semver: one text that an expression looks at again and again.
describe('A regular expression', () => {
  it('is found wherever one is written', () => {
    expect(expressions.length).toBeGreaterThan(60);
    expect(expressions.map(({ place }) => place)).toContain('http/range.ts');
    expect(expressions.map(nameOf)).toEqual(expect.arrayContaining([...OF_OUR_OWN.keys()]));
  });

  it('that is slow is seen to be', () => {
    const slow = (source: string) => timeOf({ place: '', source, flags: '' }, `${'a'.repeat(LENGTH)}!`);
    expect(slow('^(a+)+$')).toBeGreaterThan(MOST_MS);
    expect(slow('a+$')).toBeGreaterThan(MOST_MS);
  });

  it.each(exposed)(
    'of $place is done with 25 KiB of anything at once: $source',
    { timeout: 120_000 },
    (each) => {
      let worst = { ms: 0, text: '' };
      for (const text of adversaries(each)) {
        const ms = timeOf(each, text);
        if (ms > worst.ms) worst = { ms, text };
        if (worst.ms > MOST_MS) break;
      }
      expect(worst.ms, JSON.stringify(worst.text.slice(0, 60))).toBeLessThan(MOST_MS);
    },
  );
});
