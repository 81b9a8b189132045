import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { AppError } from '../../errors.ts';

const READ_BYTES = 256 * 1024;
const CIPHER = 'aes-256-ctr';
const KEY_BYTES = 32;
// Each file has a key of its own, which encrypts nothing else.
const FIRST_BLOCK = Buffer.alloc(16);

/** How many bytes the parts of one request may spill to disk, together. */
export class SpillBudget {
  private left: number;

  constructor(bytes: number) {
    this.left = bytes;
  }

  /** Takes so many bytes; PAYLOAD_TOO_LARGE when they are not left. */
  take(bytes: number): void {
    this.left -= bytes;
    if (this.left < 0) {
      throw new AppError(
        'PAYLOAD_TOO_LARGE',
        'Too many bytes came before the file that is wanted first: send the parts in the order the operation uses them.',
      );
    }
  }
}

/**
 * A part that has to wait while another is wanted. Its bytes lie in a file that only we can open and that has no name
 * any more, so nothing is left of it however the process ends; they are encrypted with a key that only this process
 * knows, so nothing is left on the disk either.
 */
export class SpillFile {
  private readonly handle: FileHandle;
  private readonly key: Buffer;

  private constructor(handle: FileHandle, key: Buffer) {
    this.handle = handle;
    this.key = key;
  }

  /** Writes the whole source; rejects with PAYLOAD_TOO_LARGE beyond the budget, with STORAGE_UNAVAILABLE when the disk fails. */
  static async of(source: Readable, directory: string, budget: SpillBudget): Promise<SpillFile> {
    const handle = await nameless(directory).catch((error) => {
      source.destroy();
      throw error;
    });
    const key = randomBytes(KEY_BYTES);
    const cipher = createCipheriv(CIPHER, key, FIRST_BLOCK);
    try {
      // Leaving the loop early destroys the source.
      for await (const chunk of source as AsyncIterable<Buffer>) {
        budget.take(chunk.length);
        await writeWhole(handle, cipher.update(chunk));
      }
      return new SpillFile(handle, key);
    } catch (error) {
      source.destroy();
      await handle.close();
      throw error;
    }
  }

  /** The bytes from the beginning; may be called any number of times before `close`, and each reader may give up. */
  read(): Readable {
    return Readable.from(this.chunks(), { objectMode: false, highWaterMark: READ_BYTES });
  }

  /** Waits for reads that are under way; a reader that asks for more afterwards fails. */
  async close(): Promise<void> {
    await this.handle.close();
  }

  // Node's own file streams would share the handle with one another and with `close`: the first that is destroyed
  // closes it for all, and one that has only ended keeps it from being closed.
  private async *chunks(): AsyncGenerator<Buffer> {
    const decipher = createDecipheriv(CIPHER, this.key, FIRST_BLOCK);
    for (let position = 0; ; ) {
      const { bytesRead, buffer } = await this.handle.read(
        Buffer.allocUnsafe(READ_BYTES),
        0,
        READ_BYTES,
        position,
      );
      if (bytesRead === 0) return;
      position += bytesRead;
      yield decipher.update(buffer.subarray(0, bytesRead));
    }
  }
}

// A spill file has a name for less than a millisecond; older ones are of processes that were killed in just that one.
const NAMED_MS = 60_000;

/** Removes spill files that a killed process left with a name. */
export async function clearSpills(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (name.startsWith('spill-') && Date.now() - mtimeMs > NAMED_MS) await rm(path, { force: true });
  }
}

/** A new file that only we can open, and whose name is gone. */
async function nameless(directory: string): Promise<FileHandle> {
  const path = join(directory, `spill-${randomUUID()}`);
  const handle = await open(path, 'wx+', 0o600).catch(noDisk);
  try {
    await unlink(path);
    return handle;
  } catch (cause) {
    await handle.close();
    return noDisk(cause);
  }
}

async function writeWhole(handle: FileHandle, chunk: Buffer): Promise<void> {
  await handle.appendFile(chunk).catch(noDisk);
}

function noDisk(cause: unknown): never {
  throw new AppError('STORAGE_UNAVAILABLE', 'The disk for files that have to wait does not answer.', {
    cause,
  });
}
