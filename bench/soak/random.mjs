import { setTimeout as delay } from 'node:timers/promises';

/** A whole number from `low` to `high`, both included. */
export const whole = (low, high) => low + Math.floor(Math.random() * (high - low + 1));

/** One of a list. */
export const oneOf = (list) => list[whole(0, list.length - 1)];

/** One of `[weight, value]` pairs, by weight. */
export function weighted(pairs) {
  let left = Math.random() * pairs.reduce((sum, [weight]) => sum + weight, 0);
  return pairs.find(([weight]) => {
    left -= weight;
    return left < 0;
  })[1];
}

/** A size between the two, each order of magnitude as likely as another. */
export const anySize = (low, high) => Math.round(low * (high / low) ** Math.random());

/** A loopback address that this run most likely has not used: to the service, another client. */
export const anyAddress = () => `127.${whole(10, 250)}.${whole(1, 250)}.${whole(1, 250)}`;

/** Waits, but not past the end. */
export const pause = (milliseconds, until = Infinity) =>
  delay(Math.max(0, Math.min(milliseconds, until - Date.now())));

/** Whether the end has come; a timer may wake a moment before it. */
export const isOver = (until) => Date.now() >= until - 100;
