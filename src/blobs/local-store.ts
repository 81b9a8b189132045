import { link, mkdir, open as openFile, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { AppError, hasCode } from '../errors.ts';
import { admitPut, requireKey } from './admission.ts';
import type { BlobEntry, BlobStore, ByteRange, OpenBlob, PutOptions } from './blob-store.ts';
import { writeDurably } from './local/durable-writer.ts';
import { LocalReader } from './local/file-reader.ts';
import { FanOut, isErrno, keysIn, syncFolder } from './local/folders.ts';
import { discard, TempFolder } from './local/temp-folder.ts';
import { cutRange } from './ranges.ts';
import { blobExists, noSuchBlob, unavailable } from './storage-failure.ts';

const STATS_AT_ONCE = 32;

/** The variables of this provider. */
export const env = {
  UPLOAD_PATH: z
    .string()
    .min(1)
    .default('./data/blobs')
    .describe('The folder that holds the blobs of the local provider; it is made when it does not exist.'),
};

/** The values of this provider's variables. */
export type Settings = z.infer<z.ZodObject<typeof env>>;

/** What the variables lack; this provider has a default for each. */
export function problems(_settings: Settings): string[] {
  return [];
}

/** Opens a store in a folder of this machine, which is made if need be; rejects with STORAGE_UNAVAILABLE if it cannot. */
export async function open(settings: Settings): Promise<BlobStore> {
  const root = resolve(settings.UPLOAD_PATH);
  const temp = join(root, 'tmp');
  try {
    const firstMade = await mkdir(temp, { recursive: true, mode: 0o700 });
    for (let folder = temp; firstMade && folder !== dirname(firstMade); ) {
      folder = dirname(folder);
      await syncFolder(folder);
    }
  } catch (error) {
    throw unavailable(error);
  }
  return new LocalStore(root, new TempFolder(temp));
}

class LocalStore implements BlobStore {
  readonly provider = 'local';
  readonly location: string;
  readonly #temp: TempFolder;
  readonly #folders: FanOut;

  constructor(root: string, temp: TempFolder) {
    this.location = root;
    this.#temp = temp;
    this.#folders = new FanOut(root);
  }

  async put(key: string, source: Readable, { signal }: PutOptions = {}): Promise<number> {
    admitPut(key, source, signal);
    const folder = this.#folders.folderOf(key);
    const temp = this.#temp.newPath(basename(key));
    // Neither waits for the first bytes, nor do the first bytes wait for them.
    const file = openFile(temp, 'wx', 0o600);
    const made = this.#folders.make(folder).catch((error) => unavailable(error));
    try {
      const size = await writeDurably(file, source, signal);
      const failure = await made;
      if (failure) throw failure;
      signal?.throwIfAborted();
      await this.#publish(temp, key, folder);
      await Promise.all([this.#persist(key, folder), discard(temp, file)]);
      return size;
    } catch (error) {
      await discard(temp, file);
      throw error;
    }
  }

  async open(key: string, range?: ByteRange): Promise<OpenBlob> {
    requireKey(key);
    const file = await openFile(this.#pathOf(key), 'r').catch((error) => this.#explain(error));
    try {
      const { size } = await file.stat();
      const part = range ? cutRange(range, size) : { start: 0, end: size - 1 };
      return { size, stream: new LocalReader(file, part) };
    } catch (error) {
      await file.close();
      throw error instanceof AppError ? error : unavailable(error);
    }
  }

  async stat(key: string): Promise<BlobEntry> {
    requireKey(key);
    const { size, mtime } = await stat(this.#pathOf(key)).catch((error) => this.#explain(error));
    return { key, size, modifiedAt: mtime };
  }

  async delete(key: string): Promise<void> {
    requireKey(key);
    try {
      await unlink(this.#pathOf(key)).catch((error) => this.#explain(error));
    } catch (error) {
      if (!hasCode(error, 'NOT_FOUND')) throw error;
    }
  }

  async *list(prefix = ''): AsyncGenerator<BlobEntry> {
    await this.#temp.requirePresence();
    let keys: string[] = [];
    try {
      for await (const key of keysIn(this.location, prefix)) {
        if (keys.push(key) < STATS_AT_ONCE) continue;
        yield* await this.#entriesOf(keys);
        keys = [];
      }
      yield* await this.#entriesOf(keys);
    } catch (error) {
      throw error instanceof AppError ? error : unavailable(error);
    }
  }

  async sweepUnfinished(before: Date, { countOnly = false } = {}): Promise<number> {
    return this.#temp.sweep(before, countOnly);
  }

  async check(): Promise<void> {
    await this.#temp.probe();
  }

  async close(): Promise<void> {}

  #pathOf(key: string): string {
    return join(this.#folders.folderOf(key), basename(key));
  }

  /** Gives the finished file its name; link(2) is the one call that never replaces what is already there. */
  async #publish(temp: string, key: string, folder: string): Promise<void> {
    const path = this.#pathOf(key);
    try {
      await link(temp, path).catch(async (error) => {
        if (!isErrno(error, 'ENOENT')) throw error;
        await this.#folders.remake(folder);
        await link(temp, path);
      });
    } catch (error) {
      if (isErrno(error, 'EEXIST')) throw blobExists(error);
      throw unavailable(error);
    }
  }

  /** Makes the new name survive a power cut; a name that may not is taken back. */
  async #persist(key: string, folder: string): Promise<void> {
    try {
      await this.#folders.persist(folder);
    } catch (error) {
      await unlink(this.#pathOf(key)).catch(() => {});
      throw unavailable(error);
    }
  }

  async #entriesOf(keys: string[]): Promise<BlobEntry[]> {
    const entries = await Promise.all(
      keys.map((key) =>
        this.stat(key).catch((error) => {
          // Deleted since its folder was read.
          if (hasCode(error, 'NOT_FOUND')) return [];
          throw error;
        }),
      ),
    );
    return entries.flat();
  }

  /** An absent blob is only absent while the folder of the store is there: a lost mount is no proof of anything. */
  async #explain(error: unknown): Promise<never> {
    if (!isErrno(error, 'ENOENT')) throw unavailable(error);
    await this.#temp.requirePresence();
    throw noSuchBlob(error);
  }
}
