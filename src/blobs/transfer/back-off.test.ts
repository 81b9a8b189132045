import { expect, it } from 'vitest';
import { backOff } from './back-off.ts';

it('waits longer after each failure', async () => {
  const waited = async (failures: number) => {
    const begun = performance.now();
    await backOff(failures);
    return performance.now() - begun;
  };
  const [first, third] = await Promise.all([waited(1), waited(3)]);
  expect(first).toBeGreaterThan(140);
  expect(third).toBeGreaterThan(590);
});

it('ends with the signal’s reason when that comes', async () => {
  const ending = new AbortController();
  const waiting = backOff(9, ending.signal);
  ending.abort(new Error('no longer wanted'));
  await expect(waiting).rejects.toThrow('no longer wanted');
});
