/**
 * Fills dist/playground with what the Playground page loads: two pinned files of the graphql-playground-react
 * package (and its licence), and our own scripts and styles from src/http/playground. Nothing is fetched when the
 * pinned files are there already or in the cache under node_modules.
 */
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const NAME = 'graphql-playground-react';
const VERSION = '1.7.28';

const PINNED = [
  {
    name: 'middleware.js',
    packed: 'package/build/static/js/middleware.js',
    sha256: '555c04670c6ce2a4b95bb13effd9d720d620aff04945628e8bfad33147669968',
  },
  {
    name: 'middleware.css',
    packed: 'package/build/static/css/middleware.css',
    sha256: 'f27d1cd77cb436b92cf4835d42233acf4f3b2bb1cc3c268cf1779cedde08e92b',
  },
  {
    name: 'LICENSE.txt',
    packed: 'package/LICENSE',
    sha256: '1240e89df9610ca703d36505fd2786ecab3fe029b6f79f2c25f3aa7e3c57ef75',
  },
];

const root = fileURLToPath(new URL('..', import.meta.url));
const own = join(root, 'src/http/playground');
const cache = join(root, 'node_modules/.cache/playground');
const target = join(root, 'dist/playground');

const isIntact = (bytes, pin) => createHash('sha256').update(bytes).digest('hex') === pin.sha256;

async function readIfPresent(path) {
  try {
    return await readFile(path);
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readIntact(directory, pin) {
  const bytes = await readIfPresent(join(directory, pin.name));
  return bytes !== undefined && isIntact(bytes, pin) ? bytes : undefined;
}

/** Writes the file so that a reader, or a crash, sees the old content or the new one and never a part. */
async function writeWhole(directory, name, bytes) {
  const path = join(directory, name);
  if ((await readIfPresent(path))?.equals(bytes)) return;
  await mkdir(directory, { recursive: true });
  const unfinished = `${path}.${randomUUID()}`;
  try {
    await writeFile(unfinished, bytes);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** Fetches the package with npm, which knows where packages come from, and returns its pinned files by name. */
async function fetchPinned() {
  const temporary = await mkdtemp(join(tmpdir(), 'playground-'));
  try {
    // Run in the project's folder, so that its .npmrc counts, and without running anything of the package.
    const pack = [
      'pack',
      `${NAME}@${VERSION}`,
      '--pack-destination',
      temporary,
      '--ignore-scripts',
      '--prefer-offline',
    ];
    await run('npm', pack, { cwd: root });
    const archive = join(temporary, `${NAME}-${VERSION}.tgz`);
    await run('tar', ['-xzf', archive, '-C', temporary, ...PINNED.map((pin) => pin.packed)]);

    const fetched = new Map();
    for (const pin of PINNED) {
      const bytes = await readFile(join(temporary, pin.packed));
      if (!isIntact(bytes, pin)) throw new Error(`${pin.packed} does not match its pinned SHA-256`);
      fetched.set(pin.name, bytes);
    }
    return fetched;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function placePinned() {
  let fetched;
  for (const pin of PINNED) {
    if (await readIntact(target, pin)) continue;
    let bytes = await readIntact(cache, pin);
    if (bytes === undefined) {
      fetched ??= await fetchPinned();
      bytes = fetched.get(pin.name);
      await writeWhole(cache, pin.name, bytes);
    }
    await writeWhole(target, pin.name, bytes);
  }
}

async function placeOwn() {
  const names = (await readdir(own)).filter((name) => /\.(js|css)$/.test(name));
  for (const name of names) await writeWhole(target, name, await readFile(join(own, name)));
}

/** The first line in which a failed command says why, or the error's own message. */
function reasonOf(error) {
  const lines = String(error.stderr ?? '').split('\n');
  const told = lines
    .filter((line) => !/^npm (warn|notice)|^npm error (code|errno|syscall) |complete log/i.test(line))
    .map((line) => line.replace(/^npm error/i, '').trim());
  return told.find((line) => line !== '') ?? String(error.message).split('\n')[0];
}

try {
  await placePinned();
  await placeOwn();
} catch (error) {
  process.stderr.write(`playground-assets: cannot provide ${NAME}@${VERSION}: ${reasonOf(error)}\n`);
  process.exitCode = 1;
}
