import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { AccessWatch } from './access-watch.ts';

const running = () => new PassThrough();
const gone = expect.objectContaining({ code: 'GONE' });

test('ends what runs by a right that was taken away, and nothing else, when it asks', async () => {
  const watch = new AccessWatch();
  const [lost, kept] = [running(), running()];
  let isLeft = true;
  watch.stream('lost', lost, async () => isLeft);
  watch.stream('kept', kept, async () => true);

  await watch.check();
  expect([lost.destroyed, kept.destroyed]).toEqual([false, false]);

  isLeft = false;
  await watch.check();
  expect(lost.errored).toEqual(gone);
  expect(kept.destroyed).toBe(false);
  expect(watch.size).toBe(1);
});

test('ends what runs where it can’t be asked whether it may', async () => {
  const watch = new AccessWatch();
  const stream = running();
  watch.stream('key', stream, () => Promise.reject(new Error('no database')));
  await watch.check();
  expect(stream.errored).toEqual(gone);
});

test('ends everything that runs by a key at once, without asking', () => {
  const watch = new AccessWatch();
  const [one, two, other] = [running(), running(), running()];
  const never = () => Promise.reject(new Error('asked'));
  watch.stream('key', one, never);
  watch.stream('key', two, never);
  watch.stream('other', other, never);
  watch.ended('key');
  expect([one.errored, two.errored]).toEqual([gone, gone]);
  expect(other.destroyed).toBe(false);
});

test('asks once for however many streams that run by one key, and no more when they have closed', async () => {
  const watch = new AccessWatch();
  const streams = [running(), running(), running()];
  let asked = 0;
  for (const stream of streams) watch.stream('key', stream, async () => ++asked > 0);
  await watch.check();
  expect(asked).toBe(1);

  await Promise.all(
    streams.map((stream) => {
      const closed = once(stream, 'close');
      stream.destroy();
      return closed;
    }),
  );
  await watch.check();
  expect([asked, watch.size]).toEqual([1, 0]);
});
