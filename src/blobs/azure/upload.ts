import { hasCode } from '../../errors.ts';
import { blobExists } from '../storage-failure.ts';
import type { Intake, Part, Storing } from '../transfer/intake.ts';
import { bodyOf } from './block-body.ts';
import { blockId, newUploadId } from './block-ids.ts';
import { lacksBlocks } from './errors.ts';
import { dropBlocks, look, looseBlocks, markOf, removeOwn, type Target } from './objects.ts';

const CLEANING_MS = 10_000;
// How long the answer to a request is awaited that the service already has whole.
const GRACE_MS = 1_000;
const NEW = { ifNoneMatch: '*' };

interface SendOptions {
  abortSignal: AbortSignal;
  onProgress?(progress: { loadedBytes: number }): void;
}

type Send = (body: ReturnType<typeof bodyOf>, options: SendOptions) => Promise<unknown>;

/** Writes one new blob: by a single request where it fits into one block, else by blocks and their list. */
export class Upload implements Storing {
  readonly #target: Target;
  readonly #intake: Intake;
  readonly #id = newUploadId();
  readonly #blocks: string[] = [];
  #mayExist = false;

  constructor(target: Target, intake: Intake) {
    this.#target = target;
    this.#intake = intake;
  }

  async store(): Promise<void> {
    for await (const part of this.#intake.parts()) {
      if (part.number === 1) {
        if (part.isLast) return await this.#putWhole(part.bytes);
        await this.#requireAbsence();
      }
      this.#stage(part);
    }
    await this.#intake.settled();
    await this.#commit();
  }

  /** What it cannot remove, because the service does not answer, the sweep finds. */
  async undo(): Promise<void> {
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

  /** Blocks that are sent under a blob’s key could not be taken back without writing that blob anew. */
  async #requireAbsence(): Promise<void> {
    const { stopped } = this.#intake;
    if (await look(this.#target, stopped)) throw blobExists(undefined);
    stopped.throwIfAborted();
  }

  #stage(part: Part): void {
    const { bytes } = part;
    const id = blockId(this.#id, this.#blocks.length);
    this.#blocks.push(id);
    const { blob } = this.#target;
    const send: Send = (body, options) => blob.stageBlock(id, body, bytes.length, options);
    this.#intake.send(part, this.#send(bytes, send));
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
    const { stopped: signal } = this.#intake;
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
    const { stopped: signal } = this.#intake;
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
}
