import { setTimeout as pause } from 'node:timers/promises';

const FIRST_PAUSE_MS = 300;

/**
 * Waits before the next try, longer after each failure and for a random while, so that many who failed at once do not
 * come back at once; rejects with the signal’s reason.
 */
export async function backOff(failures: number, signal?: AbortSignal): Promise<void> {
  const longest = FIRST_PAUSE_MS * 2 ** (failures - 1);
  await pause(longest * (0.5 + Math.random() / 2), undefined, signal ? { signal } : {}).catch(() => {
    signal?.throwIfAborted();
  });
}
