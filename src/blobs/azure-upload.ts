import { finished, type Readable } from 'node:stream';
import { hasCode } from '../errors.ts';
import { BlockFiller, bodyOf, toBytes } from './azure-block.ts';
import { blockId, newUploadId } from './azure-block-ids.ts';
import { lacksBlocks } from './azure-errors.ts';
import { dropBlocks, look, looseBlocks, markOf, removeOwn, type Target } from './azure-objects.ts';
import { blobExists } from './storage-failure.ts';

const CLEANING_MS = 10_000;
// How long the answer to a request is awaited that the service already has whole.
const GRACE_MS = 1_000;
const NEW = { ifNoneMatch: '*' };

interface SendOptions {
  abortSignal: AbortSignal;
  onProgress?(progress: { loadedBytes: number }): void;
}

type Send = (body: ReturnType<typeof bodyOf>, options: SendOptions) => Promise<unknown>;

/** One put: a single request for what fits into one block, else blocks and their list. It is run once. */
export class Upload {
  readonly #target: Target;
  readonly #blockSize: number;
  readonly #inFlight: number;
  readonly #id = newUploadId();
  /** Aborted by the first failure, which is its reason. */
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #blocks: string[] = [];
  #mayExist = false;

  constructor(target: Target, blockSize: number, inFlight: number) {
    this.#target = target;
    this.#blockSize = blockSize;
    this.#inFlight = inFlight;
  }

  /** Resolves with the bytes once they are durable; rejects as a store’s put does, the source destroyed and nothing left. */
  async run(source: Readable, signal?: AbortSignal): Promise<number> {
    const { signal: ending } = this.#ending;
    const abort = () => this.#fail(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    ending.addEventListener('abort', () => source.destroy(), { once: true });
    // It leaves its error listener behind, so that a source that fails once more while it is destroyed harms nobody.
    finished(source, { writable: false }, (error) => {
      if (error) this.#fail(error);
    });
    try {
      // A source read to its end before looks like an empty one, and would be kept as an empty blob.
      if (source.readableEnded) throw new Error('The source was already read to its end.');
      const size = await this.#transfer(source);
      ending.throwIfAborted();
      return size;
    } catch (error) {
      this.#fail(error);
      await this.#cleanUp();
      throw ending.reason;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  #fail(error: unknown): void {
    this.#ending.abort(error);
  }

  async #transfer(source: Readable): Promise<number> {
    const filler = new BlockFiller(this.#blockSize);
    let size = 0;
    for await (const chunk of source) {
      let rest = toBytes(chunk, source.readableEncoding);
      size += rest.byteLength;
      while (rest.byteLength > 0) {
        if (filler.isFull) {
          await this.#room();
          this.#stage(filler.take(), filler);
        }
        rest = filler.add(rest);
      }
    }
    if (this.#blocks.length === 0) {
      await this.#putWhole(filler.peek());
      return size;
    }
    await this.#room();
    this.#stage(filler.peek(), filler);
    await Promise.all(this.#running);
    await this.#commit();
    return size;
  }

  /** Waits until one more block may be on its way, and before the first until the key is known to be free. */
  async #room(): Promise<void> {
    const { signal } = this.#ending;
    // Blocks that are sent under a blob’s key could not be taken back without writing that blob anew.
    if (this.#blocks.length === 0 && (await look(this.#target, signal))) throw blobExists(undefined);
    while (this.#running.size >= this.#inFlight) await Promise.race(this.#running);
    signal.throwIfAborted();
  }

  #stage(block: Buffer, filler: BlockFiller): void {
    const id = blockId(this.#id, this.#blocks.length);
    this.#blocks.push(id);
    const { blob } = this.#target;
    const staging = this.#send(block, (body, options) => blob.stageBlock(id, body, block.length, options))
      .then(
        () => filler.giveBack(block),
        (error) => this.#fail(error),
      )
      .then(() => {
        this.#running.delete(staging);
      });
    this.#running.add(staging);
  }

  async #putWhole(block: Buffer): Promise<void> {
    const { blob } = this.#target;
    await this.#create(block, (body, options) =>
      blob.upload(body, block.length, { ...options, conditions: NEW, metadata: markOf(this.#id) }),
    );
  }

  async #commit(): Promise<void> {
    const { blob } = this.#target;
    await this.#create(Buffer.alloc(0), (_body, { abortSignal }) =>
      blob.commitBlockList(this.#blocks, { abortSignal, conditions: NEW, metadata: markOf(this.#id) }),
    );
  }

  /** Makes the request by which the blob comes to be. */
  async #create(block: Buffer, call: Send): Promise<void> {
    const { signal } = this.#ending;
    signal.throwIfAborted();
    this.#mayExist = true;
    try {
      await this.#send(block, call);
    } catch (error) {
      const isConflict = hasCode(error, 'CONFLICT');
      if (!isConflict && !(error instanceof Error && lacksBlocks(error.cause))) throw error;
      const found = await look(this.#target, signal);
      // The answer to an earlier try was lost on its way.
      if (found?.upload === this.#id) return;
      throw found && !isConflict ? blobExists(error) : error;
    }
  }

  /** Sends a request that ends when the put does: at once, or soon where the service may already be acting on it. */
  async #send(block: Buffer, call: Send): Promise<void> {
    const { signal } = this.#ending;
    const cutting = new AbortController();
    const cut = () => cutting.abort(signal.reason);
    let isSent = false;
    let grace: NodeJS.Timeout | undefined;
    const end = () => {
      if (isSent) grace = setTimeout(cut, GRACE_MS);
      else cut();
    };
    signal.throwIfAborted();
    signal.addEventListener('abort', end, { once: true });
    try {
      await this.#target.sending.make(async (attempt) => {
        const { signal: abortSignal } = attempt;
        const body = bodyOf(block);
        const onProgress = ({ loadedBytes }: { loadedBytes: number }) => {
          attempt.alive();
          isSent = loadedBytes >= block.length;
        };
        isSent = body instanceof Buffer;
        try {
          await call(body, isSent ? { abortSignal } : { abortSignal, onProgress });
        } catch (error) {
          isSent = false;
          if (signal.aborted) cut();
          throw error;
        }
      }, cutting.signal);
    } finally {
      clearTimeout(grace);
      signal.removeEventListener('abort', end);
    }
  }

  /** Never rejects: what it cannot remove, because the service does not answer, the sweep finds. */
  async #cleanUp(): Promise<void> {
    await Promise.allSettled(this.#running);
    const target = this.#target;
    const signal = AbortSignal.timeout(Math.min(CLEANING_MS, target.asking.timeoutMs));
    try {
      if (this.#blocks.length > 0) {
        const loose = await looseBlocks(target, signal);
        // Another put of the same key may be about to win; dropping drops its blocks too, winning drops ours.
        if (loose.length > 0 && loose.every((block) => block?.upload === this.#id)) {
          await dropBlocks(target, this.#id, signal);
        }
      }
      if (this.#mayExist) await removeOwn(target, this.#id, signal);
    } catch {}
  }
}
