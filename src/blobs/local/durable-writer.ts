import type { FileHandle } from 'node:fs/promises';
import { finished, type Readable } from 'node:stream';
import type { AppError } from '../../errors.ts';
import { unavailable } from '../storage-failure.ts';
import { toBytes } from '../transfer/source-bytes.ts';

const BATCH_BYTES = 1024 * 1024;
// Small chunks may each hold a larger buffer alive, so a batch is bounded by their number too.
const BATCH_CHUNKS = 64;
const FLUSH_BYTES = 64 * 1024 * 1024;

/**
 * Collects chunks into batches of about 1 MiB; while one batch is being written the next is filled,
 * so that memory stays within two batches and the disk works while the source delivers.
 */
class BatchWriter {
  readonly #file: Promise<FileHandle>;
  #ready = () => {};
  #failed = (_error: AppError) => {};
  #batch: Uint8Array[] = [];
  #batched = 0;
  #unflushed = 0;
  #writing: Promise<void> | undefined;
  #flushing: Promise<void> | undefined;
  #failure: AppError | undefined;
  total = 0;

  constructor(file: Promise<FileHandle>) {
    this.#file = file;
    file.catch((error) => this.#fail(error));
  }

  /** Names who is told that more may come, and that no more need come. */
  connect(ready: () => void, failed: (error: AppError) => void): void {
    this.#ready = ready;
    this.#failed = failed;
    if (this.#failure) failed(this.#failure);
  }

  /** Takes one chunk; whether another may follow before `ready` is called. */
  take(chunk: Uint8Array): boolean {
    this.#batch.push(chunk);
    this.#batched += chunk.byteLength;
    this.total += chunk.byteLength;
    if (!this.#isFull()) return true;
    if (this.#writing) return false;
    this.#startWriting();
    return true;
  }

  /** Writes what is left and resolves once every byte is on the disk. */
  async finish(): Promise<void> {
    while (this.#writing) await this.#writing;
    if (this.#batched > 0) this.#startWriting();
    await this.#writing;
    await this.#flushing;
    // A failed background flush is reported once: a later datasync of the same file could succeed without its bytes.
    if (this.#failure) throw this.#failure;
    if (this.total > 0) await (await this.#file).datasync().catch((error) => this.#fail(error));
    if (this.#failure) throw this.#failure;
  }

  /** Starts nothing more, and resolves when the file may be closed; never rejects. */
  async stop(): Promise<void> {
    this.#batch = [];
    this.#batched = 0;
    await Promise.allSettled([this.#file, this.#writing]);
    await this.#flushing;
  }

  #isFull(): boolean {
    return this.#batched >= BATCH_BYTES || this.#batch.length >= BATCH_CHUNKS;
  }

  #fail(error: unknown): void {
    this.#failure ??= unavailable(error);
    this.#failed(this.#failure);
  }

  #startWriting(): void {
    const [batch, size] = [this.#batch, this.#batched];
    this.#batch = [];
    this.#batched = 0;
    this.#writing = this.#write(batch, size)
      .catch((error) => this.#fail(error))
      .then(() => {
        this.#writing = undefined;
        if (this.#failure) return;
        if (this.#isFull()) this.#startWriting();
        this.#ready();
      });
  }

  async #write(batch: Uint8Array[], size: number): Promise<void> {
    const file = await this.#file;
    const { bytesWritten } = await file.writev(batch);
    // A full disk or a limit takes a part first; only writing the rest tells why.
    let rest = bytesWritten < size ? Buffer.concat(batch).subarray(bytesWritten) : undefined;
    while (rest?.byteLength) rest = rest.subarray((await file.write(rest)).bytesWritten);
    this.#unflushed += size;
    if (this.#unflushed >= FLUSH_BYTES && !this.#flushing) this.#startFlushing(file);
  }

  // The disk takes the first bytes while later ones still arrive, so the last flush has little left to wait for.
  #startFlushing(file: FileHandle): void {
    this.#unflushed = 0;
    this.#flushing = file
      .datasync()
      .catch((error) => this.#fail(error))
      .then(() => {
        this.#flushing = undefined;
      });
  }
}

/** Feeds the source to the writer as fast as that takes it; resolves at the source's end. */
async function pump(source: Readable, writer: BatchWriter, signal?: AbortSignal): Promise<void> {
  let stop = () => {};
  const pumping = new Promise<void>((resolve, reject) => {
    const abort = () => reject(signal?.reason);
    const take = (chunk: unknown) => {
      try {
        if (!writer.take(toBytes(chunk, source.readableEncoding))) source.pause();
      } catch (error) {
        reject(error);
      }
    };
    stop = () => {
      source.off('data', take);
      signal?.removeEventListener('abort', abort);
    };
    writer.connect(() => source.resume(), reject);
    signal?.addEventListener('abort', abort, { once: true });
    // It leaves its error listener behind, so that a source that fails once more while it is destroyed harms nobody.
    finished(source, { writable: false }, (error) => (error ? reject(error) : resolve()));
    source.on('data', take);
    source.resume();
  });
  await pumping.finally(stop);
}

/**
 * Writes the whole source into a file and resolves with the number of bytes once they are on the disk.
 * Rejects with the source's own error, the signal's reason or STORAGE_UNAVAILABLE; the source is then destroyed
 * and no write is under way any more.
 */
export async function writeDurably(
  file: Promise<FileHandle>,
  source: Readable,
  signal?: AbortSignal,
): Promise<number> {
  const writer = new BatchWriter(file);
  try {
    await pump(source, writer, signal);
    await writer.finish();
    return writer.total;
  } catch (error) {
    source.destroy();
    await writer.stop();
    throw error;
  }
}
