import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../errors.ts';

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
 * any more, so nothing is left of it however the process ends.
 */
export class SpillFile {
  private readonly handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.handle = handle;
  }

  /** Writes the whole source; rejects with PAYLOAD_TOO_LARGE beyond the budget. */
  static async of(source: Readable, directory: string, budget: SpillBudget): Promise<SpillFile> {
    const path = join(directory, `spill-${randomUUID()}`);
    const handle = await open(path, 'wx+', 0o600);
    try {
      await unlink(path);
      await pipeline(
        source,
        async function* metered(chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            budget.take(chunk.length);
            yield chunk;
          }
        },
        handle.createWriteStream({ autoClose: false, highWaterMark: 1024 * 1024 }),
      );
      return new SpillFile(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The bytes from the beginning; may be called any number of times before `close`. */
  read(): Readable {
    const bytes = this.handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 256 * 1024 });
    const reader = new PassThrough();
    pipeline(bytes, reader).catch(() => undefined);
    return reader;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}
