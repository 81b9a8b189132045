import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { AppError } from '../../errors.ts';
import type { ByteRange } from '../blob-store.ts';
import { unavailable } from '../storage-failure.ts';

const READ_BYTES = 512 * 1024;

/** The bytes of one range of an open file, which is closed when the stream ends or is destroyed; never silently short. */
export class LocalReader extends Readable {
  readonly #file: FileHandle;
  readonly #end: number;
  #position: number;
  #reading: Promise<void> | undefined;

  constructor(file: FileHandle, { start, end }: ByteRange) {
    super({ highWaterMark: READ_BYTES });
    this.#file = file;
    this.#position = start;
    this.#end = end;
  }

  override _read(): void {
    const length = Math.min(READ_BYTES, this.#end - this.#position + 1);
    if (length <= 0) {
      this.push(null);
      return;
    }
    this.#reading = this.#readNext(length).catch((error) => {
      this.destroy(error instanceof AppError ? error : unavailable(error));
    });
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    // A descriptor closed under a running read could already belong to another file.
    Promise.resolve(this.#reading)
      .then(() => this.#file.close())
      .then(
        () => callback(error),
        (failure) => callback(error ?? unavailable(failure)),
      );
  }

  async #readNext(length: number): Promise<void> {
    // Not from the shared pool: a small slice of it would keep the whole pool alive for a slow reader.
    const { bytesRead, buffer } = await this.#file.read(
      Buffer.allocUnsafeSlow(length),
      0,
      length,
      this.#position,
    );
    if (bytesRead === 0) throw unavailable(new Error('The file is shorter than it was when it was opened.'));
    this.#position += bytesRead;
    this.push(buffer.subarray(0, bytesRead));
    if (this.#position > this.#end) this.push(null);
  }
}
