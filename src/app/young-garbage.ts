import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { type: 'minor' }) => void;

/** Enough that a collection is seldom, few enough that its garbage stays small beside a transfer’s buffers. */
export const YOUNG_BYTES = 24 * 1024 * 1024;

/**
 * A counter of transferred bytes that collects the youngest garbage each time so many have come. The buffers of a body
 * lie outside the heap, where they make V8 mark the whole heap every 32 MiB or so while the heap itself hardly
 * grows; collecting just the youngest objects frees the same buffers for about a hundredth of that work. The flags of
 * `npm start` keep V8 from lowering the limits at which it would mark the heap all the same.
 */
export function collectYoungEvery(bytes: number): (received: number) => void {
  const collect = exposedCollector();
  let since = 0;
  return (received) => {
    since += received;
    if (since < bytes) return;
    since = 0;
    collect({ type: 'minor' });
  };
}

function exposedCollector(): Collect {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('globalThis.gc') as Collect | undefined;
  return collect ?? (() => undefined);
}
