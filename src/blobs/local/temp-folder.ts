import { randomBytes } from 'node:crypto';
import { access, type FileHandle, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unavailable } from '../storage-failure.ts';
import { isErrno, namesIn } from './folders.ts';

/** Closes the file and removes its temporary name, whichever of the two are still there; never rejects. */
export async function discard(path: string, file: Promise<FileHandle>): Promise<void> {
  const handle = await file.catch(() => undefined);
  if (handle) await Promise.allSettled([handle.close(), unlink(path)]);
}

async function removeIfOlder(path: string, before: Date, countOnly: boolean): Promise<boolean> {
  try {
    if ((await stat(path)).mtime >= before) return false;
    if (!countOnly) await unlink(path);
    return true;
  } catch (error) {
    // Its writer ended meanwhile.
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** The folder of the files that have no blob's name yet, on the same file system as the blobs. */
export class TempFolder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** A path in the folder that nobody else is given. */
  newPath(name: string): string {
    return join(this.#path, `${name}.${randomBytes(8).toString('hex')}`);
  }

  /** Rejects with STORAGE_UNAVAILABLE when the folder is not there, as when its disk is not mounted. */
  async requirePresence(): Promise<void> {
    await access(this.#path).catch((error) => Promise.reject(unavailable(error)));
  }

  /** Rejects with STORAGE_UNAVAILABLE when no file can be written. */
  async probe(): Promise<void> {
    const path = this.newPath('probe');
    try {
      // Not empty: a full disk still makes empty files.
      await writeFile(path, 'probe', { flag: 'wx', mode: 0o600 });
    } catch (error) {
      throw unavailable(error);
    } finally {
      await unlink(path).catch(() => {});
    }
  }

  /** Removes, or only counts, the files that nobody wrote to since `before`; resolves with how many. */
  async sweep(before: Date, countOnly: boolean): Promise<number> {
    await this.requirePresence();
    let swept = 0;
    try {
      for await (const name of namesIn(this.#path)) {
        if (await removeIfOlder(join(this.#path, name), before, countOnly)) swept += 1;
      }
    } catch (error) {
      throw unavailable(error);
    }
    return swept;
  }
}
