import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { startHelper, startProgram } from './processes.mjs';
import { startServer } from './server.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'LANG'];

/**
 * What a row measures with; all of it ends with the row.
 * @typedef {object} Scope
 * @property {string} folder an empty folder for the row's files
 * @property {number} enginePid the process of the database engine that all servers use
 * @property {(variables?: object, heard?: (text: string) => void) => Promise<import('./server.mjs').Started>} server a
 *   server of its own with an empty database and store, and these variables beside the usual ones
 * @property {(module: string) => ReturnType<typeof startHelper>} helper a process that runs this module of the bench
 * @property {(stop: () => Promise<void>) => void} closing has this called when the row ends, however it does
 * @property {(line: string) => void} say tells how far the bench is
 */

/** What `npm start` gives Node, too. */
const SERVE_FLAGS = ['--no-memory-reducer', '--initial-heap-size=256'];

/** Opens a temporary folder beside the service's data and one database engine for all rows. */
export async function openWorkbench(options) {
  const main = join(ROOT, 'dist/main.js');
  if (!existsSync(main)) throw new Error('There is no dist/main.js: run `npm run build` first.');
  const closers = [];
  const closeAll = async (list) => {
    while (list.length > 0) await list.pop()();
  };
  const interrupted = (signal) =>
    void closeAll(closers).finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupted);

  const env = Object.fromEntries(
    PASSED_ON.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
  const say = (line) => process.stderr.write(`${line}\n`);
  try {
    const folder = await temporaryFolder(closers);
    const engine = await startEngine(join(folder, 'db'));
    closers.push(() => engine.stop());
    let servers = 0;

    /** Runs one row and frees what it used, however it ends. */
    const scope = async (row) => {
      const opened = [];
      closers.push(() => closeAll(opened));
      const own = await mkdtemp(join(folder, 'row-'));
      opened.push(() => rm(own, { recursive: true, force: true }));
      try {
        return await row({
          folder: own,
          enginePid: engine.pid,
          say,
          closing: (stop) => opened.push(stop),
          helper(module) {
            const helper = startHelper(new URL(`../${module}`, import.meta.url), env);
            opened.push(() => helper.stop());
            return helper;
          },
          async server(variables = {}, heard = undefined) {
            servers += 1;
            const name = `server${servers}`;

            const server = await startServer({
              run: (args, all, ready) =>
                startProgram(
                  [...SERVE_FLAGS, ...profiling(options.profile), main, ...args],
                  { cwd: own, env: { ...env, ...all } },
                  ready,
                  heard,
                ),
              folder: join(own, name),
              database: `${engine.uri}/bench_${name}`,
              variables,
            });
            opened.push(() => server.stop());
            return server;
          },
        });
      } finally {
        await closeAll(opened);
      }
    };
    return { say, scope, close: () => closeAll(closers) };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

/** A folder on the file system that the service uses by default. */
async function temporaryFolder(closers) {
  const data = join(ROOT, 'data');
  // Gone afterwards if it was not there before; anything else in it keeps it.
  const made = await mkdir(data, { recursive: true, mode: 0o700 });
  if (made) closers.push(() => rmdir(data).catch(() => {}));
  const folder = await mkdtemp(join(data, 'bench-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function startEngine(directory) {
  const load = (path) => import(pathToFileURL(join(ROOT, 'dist/database', path)).href);
  const [{ startEmbeddedEngine }, { defaultCacheDirectory }] = await Promise.all([
    load('embedded-engine.js'),
    load('cache-directory.js'),
  ]);
  return startEmbeddedEngine({ directory, cacheDirectory: defaultCacheDirectory(), log: () => {} });
}

const profiling = (folder) => (folder ? ['--cpu-prof', `--cpu-prof-dir=${resolve(folder)}`] : []);
