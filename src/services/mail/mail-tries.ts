const SECOND_MS = 1_000;
const FIRST_WAIT_MS = 5 * SECOND_MS;
// A server that comes back is found again soon; one that does not want a mail is not asked every few minutes.
const LONGEST_WAIT_MS = { unreachable: 600 * SECOND_MS, refused: 3_600 * SECOND_MS };
/** The longest that sending one mail may take; milliseconds. */
export const SENDING_MS = 60 * SECOND_MS;
/** How long a mail that is being sent may go on when the service stops. */
const LAST_MOMENTS_MS = 5 * SECOND_MS;

/** How long to wait before a mail that has failed so often is tried again; milliseconds. */
export function waitAfter(tries: number, isRefused: boolean): number {
  const longest = isRefused ? LONGEST_WAIT_MS.refused : LONGEST_WAIT_MS.unreachable;
  const wait = Math.min(FIRST_WAIT_MS * 2 ** Math.min(tries - 1, 20), longest);
  // Mails that failed together are not all tried again in one moment.
  return Math.round(wait * (0.8 + 0.4 * Math.random()));
}

/** A signal that says how long one mail may take: a while, but only a moment longer once the service stops. */
export function patienceOf(stopping: AbortSignal): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const giveUp = () => controller.abort(new Error('Sending the mail took too long.'));
  let timer = setTimeout(giveUp, SENDING_MS);
  const hurry = () => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, LAST_MOMENTS_MS);
  };
  stopping.addEventListener('abort', hurry, { once: true });
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer);
      stopping.removeEventListener('abort', hurry);
    },
  };
}
