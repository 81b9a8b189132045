import { storageFailure } from '../storage-failure.ts';
import { backOff } from '../transfer/back-off.ts';
import type { Slots } from '../transfer/slots.ts';
import { azureFailure, mayPass } from './errors.ts';

const MOST_TRIES = 4;

/** One try of a call. */
export interface Attempt {
  /** Ends what the try has under way, the body of its answer included. */
  readonly signal: AbortSignal;
  /** Tells that bytes are moving, so that the time-out starts anew. */
  alive(): void;
  stop(): void;
  /** Keeps the connection’s slot beyond the end of the call; resolves to what gives it back. */
  keepSlot(): () => void;
}

/**
 * Makes calls to the service so that none waits for ever, and that a passing failure is tried again. Waiting for a
 * slot is not yet waiting for the service.
 */
export class Calls {
  readonly timeoutMs: number;
  readonly #slots: Slots;

  constructor(timeoutMs: number, slots: Slots) {
    this.timeoutMs = timeoutMs;
    this.#slots = slots;
  }

  /** Rejects with the signal’s reason, or with the last failure in the terms of a store; the call must be repeatable. */
  async make<T>(call: (attempt: Attempt) => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      signal?.throwIfAborted();
      try {
        return await this.#try(call, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (tries === MOST_TRIES || !mayPass(error)) throw azureFailure(error);
      }
      await backOff(tries, signal);
    }
  }

  async #try<T>(call: (attempt: Attempt) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const giveBack = await this.#slots.take(signal);
    let isKept = false;
    const keepSlot = () => {
      isKept = true;
      return giveBack;
    };
    const ending = new AbortController();
    const end = () => ending.abort();
    let timer: NodeJS.Timeout | undefined;
    const ended = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const cause = new Error(`No answer came within ${this.timeoutMs} ms.`);
        reject(storageFailure('unreachable', cause));
        ending.abort();
      }, this.timeoutMs);
      ending.signal.addEventListener('abort', () => reject(ending.signal.reason), { once: true });
    });
    ended.catch(() => undefined);
    signal?.addEventListener('abort', end, { once: true });
    try {
      const calling = call({ signal: ending.signal, alive: () => timer?.refresh(), stop: end, keepSlot });
      // The SDK does not listen to the signal in all it does.
      return await Promise.race([calling, ended]);
    } catch (error) {
      // Whatever of it is still on its way must not meet the next try.
      end();
      isKept = false;
      throw error;
    } finally {
      if (!isKept) giveBack();
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    }
  }
}
