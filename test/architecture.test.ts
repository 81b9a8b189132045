import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser';
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import { beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAX_LINES = 250;
const GENERATED = 'test/generated/';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const isTest = (path: string) => path.endsWith('.test.ts');

/** The paths of the code below these folders, from the root. */
function codeOf(...folders: string[]): string[] {
  return folders
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(
        (path) => `${folder}/${path}`,
      ),
    )
    .filter((path) => /\.(?:[cm]?[jt]s|css)$/.test(path) && !path.startsWith(GENERATED))
    .toSorted();
}

const sources = codeOf('src');
const shipped = sources.filter((path) => !isTest(path) && !path.endsWith('.css'));

describe('the import table', () => {
  let result: ICruiseResult;
  let partless: IForbiddenRuleType | undefined;

  beforeAll(async () => {
    const options = await extractDepcruiseOptions(join(ROOT, '.dependency-cruiser.cjs'));
    partless = options.ruleSet?.forbidden?.find(({ name }) => name === 'every part is in the table');
    const { output } = await cruise(['src', 'test/e2e'], { ...options, baseDir: ROOT, outputType: 'json' });
    result = (typeof output === 'string' ? JSON.parse(output) : output) as ICruiseResult;
  });

  const importsOf = (path: string) =>
    result.modules.find(({ source }) => source === path)?.dependencies.map(({ module }) => module) ?? [];

  it('is broken by no import', () => {
    const broken = result.summary.violations.map(({ rule, from, to }) => `${from} → ${to}: ${rule.name}`);
    expect(broken).toEqual([]);
  });

  it('was held against every module there is', () => {
    const seen = new Set(result.modules.map(({ source }) => source));
    const unseen = [...sources, ...codeOf('test/e2e')].filter(
      (path) => !path.endsWith('.css') && !seen.has(path),
    );
    expect(unseen).toEqual([]);
    expect(seen.size).toBeGreaterThan(100);
    expect([...seen]).toEqual(
      expect.arrayContaining(['src/app.ts', 'src/blobs/local-store.ts', 'src/models/file.ts']),
    );
  });

  it('was held against every import that a plain search finds, those of types only included', () => {
    const missed = sources
      .filter((path) => !path.endsWith('.css'))
      .flatMap((path) => {
        const seen = importsOf(path);
        return importsIn(read(path)).flatMap((name) => (seen.includes(name) ? [] : [`${path}: ${name}`]));
      });
    expect(missed).toEqual([]);
    expect(importsOf('src/app.ts')).toContain('./config.ts');
  });

  it('names the part of every file, a file that imports nothing included', () => {
    const named = new RegExp(`${partless?.from.pathNot}`);
    expect(partless).toBeDefined();
    expect(sources.filter((path) => !named.test(path))).toEqual([]);
  });
});

describe('the house rules', () => {
  it('let config.ts alone read the environment', () => {
    const readers = shipped.filter((path) =>
      /\bprocess\s*(?:\.\s*env\b|\[)|\benv\b.*'node:process'/.test(read(path)),
    );
    expect(readers).toEqual(['src/config.ts']);
  });

  it(`keep every file within ${MAX_LINES} lines`, () => {
    const files = codeOf('src', 'test', 'scripts', 'bench');
    const long = files.filter((path) => read(path).trimEnd().split('\n').length > MAX_LINES);
    expect(files.length).toBeGreaterThan(100);
    expect(long).toEqual([]);
  });

  it('have no default exports and no barrels', () => {
    const bad = shipped.filter(
      (path) => /^export (?:default|\*)/m.test(read(path)) || /\/index\.[jt]s$/.test(path),
    );
    expect(bad).toEqual([]);
  });

  it('give each exported thing a docstring', () => {
    const bare = shipped.flatMap((path) => undocumented(read(path)).map((line) => `${path}: ${line}`));
    expect(bare).toEqual([]);
  });
});

/** The names that a module's text imports from. */
function importsIn(text: string): string[] {
  const found = text.matchAll(/^(?:import|export|\})(?: [^'";]*\bfrom)? '([^']+)';$|\bimport\('([^']+)'\)/gm);
  return [...found].map(([, fixed, late]) => fixed ?? late ?? '').filter((name) => !name.startsWith('node:'));
}

/** The exported declarations of a module that no docstring stands above; decorators may stand between. */
function undocumented(text: string): string[] {
  const lines = text.split('\n');
  return lines.filter((line, at) => {
    if (!/^export (?!type\b|\{)/.test(line)) return false;
    const above = lines.slice(0, at).findLast((other) => !/^(?:@|\s+[^*\s]|\}?\))/.test(other));
    return !above?.trimEnd().endsWith('*/');
  });
}
