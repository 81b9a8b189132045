import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Document, Fence } from './documents.ts';
import type { RunningServer } from './server.ts';

/** A block of a document that is run, with what stands beside it. */
interface Example {
  readonly code: Fence;
  readonly variables: string;
  /** What the document shows as its output; null when it shows none. */
  readonly output: string | null;
}

const COMMAND = fileURLToPath(new URL('../../dist/cli/imaginary.js', import.meta.url));
const DOCUMENTED_ORIGIN = 'http://127.0.0.1:4000';

// Sends the GraphQL of the file $1 with the variables of the file $2, in which $NAME stands for the shell's variable.
const SEND = String.raw`
const { readFileSync } = require('node:fs');
const [query, variables] = process.argv.slice(1).map((path) => readFileSync(path, 'utf8'));
const filled = variables.replace(/\$([A-Z][A-Z0-9_]*)/g, (_, name) => process.env[name] ?? 'UNSET_' + name);
process.stdout.write(JSON.stringify({ query, variables: JSON.parse(filled) }));
`;

/**
 * The blocks of a document that are run, in order: every `sh`, and every `graphql` unless it uploads. A `json variables`
 * block belongs to the GraphQL before it; a `json` or `text` block right after an example shows its output.
 */
export function examplesOf({ fences }: Document): Example[] {
  return fences.flatMap((code, index) => {
    if (code.kind !== 'sh' && !isRunnable(code)) return [];
    const after = fences.slice(index + 1, index + 3);
    const following = () => (after[0]?.follows ? after.shift() : undefined);
    let next = following();
    const variables = next?.kind === 'json variables' ? next.text : '{}';
    if (next?.kind === 'json variables') next = following();
    const output = next && ['json', 'text'].includes(next.kind) ? next.text : null;
    return [{ code, variables, output }];
  });
}

/**
 * Runs the examples of a document as one bash script, in which `imaginary` is the command on the server’s data; resolves with what went otherwise than the document says.
 */
export async function runExamples(
  document: Document,
  { origin, env }: Pick<RunningServer, 'origin' | 'env'>,
): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-examples-'));
  const examples = examplesOf(document);
  try {
    await writeFile(join(folder, 'send.cjs'), SEND);
    const steps = await Promise.all(examples.map((example, number) => stepOf(example, number, folder)));
    const command = `imaginary() { '${process.execPath}' '${COMMAND}' "$@"; }`;
    const script = ['set -eu -o pipefail -o allexport', `cd '${folder}'`, command, ...steps].join('\n');
    const { failure, stderr } = await bash(script.replaceAll(DOCUMENTED_ORIGIN, origin), env);
    if (failure) return [`${document.path}: line ${stderr.trim().split('\n').slice(-4).join('\n')}`];
    const problems = await Promise.all(
      examples.map(async (example, number) => {
        const printed = await readFile(join(folder, `${number}.out`), 'utf8');
        const isAsShown = matches(printed.replaceAll(origin, DOCUMENTED_ORIGIN), example.output);
        return isAsShown ? [] : [`${document.path}:${example.code.line} printed otherwise:\n${printed}`];
      }),
    );
    return problems.flat();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function isRunnable({ kind, text }: Fence): boolean {
  return kind === 'graphql' && !/:\s*\[?Upload\b/.test(text);
}

async function stepOf({ code, variables }: Example, number: number, folder: string): Promise<string> {
  const output = `> ${number}.out`;
  const place = `echo '${code.line}' >&2`;
  if (code.kind === 'sh') return `${place}\n{\n${code.text}\n} ${output}`;
  await writeFile(join(folder, `${number}.graphql`), code.text);
  await writeFile(join(folder, `${number}.json`), variables);
  const headers = `-H 'content-type: application/json' -H "authorization: Bearer \${TOKEN:-}"`;
  const body = `node -e "$(cat send.cjs)" ${number}.graphql ${number}.json`;
  return `${place}\n${body} | curl -sS ${DOCUMENTED_ORIGIN}/graphql ${headers} --data-binary @- ${output}`;
}

function bash(script: string, env: RunningServer['env']): Promise<{ failure: Error | null; stderr: string }> {
  const options = { timeout: 60_000, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...env } };
  return new Promise((resolve) => {
    const child = execFile('bash', ['-s'], options, (failure, _stdout, stderr) =>
      resolve({ failure, stderr }),
    );
    child.stdin?.end(script);
  });
}

/** Whether the output is the one shown, white space aside, where `…` stands for anything; unshown errors never are. */
function matches(printed: string, shown: string | null): boolean {
  if (shown === null) return !/"errors?":/.test(printed);
  const parts = squeezed(shown).split('…');
  const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*?');
  return new RegExp(`^${pattern}$`, 's').test(squeezed(printed));
}

const squeezed = (text: string) => text.replace(/\s+/g, '');
