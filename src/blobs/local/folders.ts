import { mkdir, open, opendir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AREAS, isListed } from '../blob-store.ts';

/** Whether the file system failed with this code, such as ENOENT. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The names in a folder, read as they are asked for; none if the folder is gone. */
export async function* namesIn(folder: string): AsyncGenerator<string> {
  try {
    for await (const { name } of await opendir(folder, { bufferSize: 128 })) yield name;
  } catch (error) {
    if (!isErrno(error, 'ENOENT') && !isErrno(error, 'ENOTDIR')) throw error;
  }
}

/** Every key below the root that a listing by the prefix shows, ascending; it holds the names of one folder at a time. */
export async function* keysIn(root: string, prefix: string): AsyncGenerator<string> {
  const area = AREAS.find((name) => prefix.startsWith(`${name}/`));
  const lead = area ? `${area}/` : '';
  const mayHold = (part: string) => part.startsWith(prefix) || prefix.startsWith(part);
  for (const folder of await sortedNamesIn(join(root, lead))) {
    if (folder.length !== 2 || !mayHold(lead + folder)) continue;
    const names = await sortedNamesIn(join(root, lead, folder));
    yield* names.map((name) => lead + name).filter((key) => isListed(key, prefix));
  }
}

const sortedNamesIn = async (folder: string) => (await Array.fromAsync(namesIn(folder))).sort();

/** Makes a folder's entries survive a power cut; covers every change that was done before the call. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

interface Sync {
  running: Promise<void>;
  next: Promise<void> | undefined;
}

/** The 256 folders that the blobs of each area lie in, made when first needed and remembered once they are durable. */
export class FanOut {
  readonly #root: string;
  readonly #durable = new Set<string>();
  readonly #syncs = new Map<string, Sync>();

  constructor(root: string) {
    this.#root = root;
    this.#durable.add(root);
  }

  /** The folder that a key's blob lies in. */
  folderOf(key: string): string {
    const name = key.lastIndexOf('/') + 1;
    return join(this.#root, key.slice(0, name), key.slice(name, name + 2));
  }

  /** Makes the folder where this process has not yet seen it. */
  async make(folder: string): Promise<void> {
    if (!this.#durable.has(folder)) await mkdir(folder, { recursive: true, mode: 0o700 });
  }

  /** Forgets a folder that somebody removed, and makes it again. */
  async remake(folder: string): Promise<void> {
    this.#durable.delete(folder);
    await this.make(folder);
  }

  /** Makes an entry of the folder durable, with the folders above that may themselves be new. */
  async persist(folder: string): Promise<void> {
    const syncing = [this.#sync(folder)];
    const becoming: string[] = [];
    for (let below = folder; !this.#durable.has(below); below = dirname(below)) {
      syncing.push(this.#sync(dirname(below)));
      becoming.push(below);
    }
    await Promise.all(syncing);
    for (const durable of becoming) this.#durable.add(durable);
  }

  /**
   * One sync of a folder serves everybody who asked before it started. Whoever asks while one runs gets the
   * one after it, because the running one may have begun before that caller's change.
   */
  #sync(folder: string): Promise<void> {
    const sync = this.#syncs.get(folder);
    if (!sync) return this.#start(folder);
    sync.next ??= sync.running.catch(() => {}).then(() => this.#start(folder));
    return sync.next;
  }

  #start(folder: string): Promise<void> {
    const sync: Sync = { running: syncFolder(folder), next: undefined };
    this.#syncs.set(folder, sync);
    const done = () => {
      if (!sync.next) this.#syncs.delete(folder);
    };
    sync.running.then(done, done);
    return sync.running;
  }
}
