import { expect, it } from 'vitest';
import type { OpenCounts } from './counts.ts';
import { Insurance } from './insurance.ts';

const failing: OpenCounts = () => ({
  add: () => Promise.reject(new Error('down')),
  look: () => Promise.reject(new Error('down')),
  clear: () => Promise.reject(new Error('down')),
});
const hanging: OpenCounts = () => ({
  add: () => new Promise(() => undefined),
  look: () => new Promise(() => undefined),
  clear: () => new Promise(() => undefined),
});

it('counts by itself while the server is down, and says so once', async () => {
  const said: unknown[] = [];
  const counts = new Insurance(failing, (error) => said.push(error)).counts('a', 60);
  expect((await counts.add('k', 1)).points).toBe(1);
  expect((await counts.add('k', 1)).points).toBe(2);
  expect((await counts.look('k'))?.points).toBe(2);
  await counts.clear('k');
  expect(await counts.look('k')).toBeNull();
  expect(said).toHaveLength(1);
});

it('waits a second for a server that hangs, and then for a moment not at all', async () => {
  const counts = new Insurance(hanging, () => undefined).counts('a', 60);
  const began = performance.now();
  expect((await counts.add('k', 1)).points).toBe(1);
  const waited = performance.now() - began;
  expect(waited).toBeGreaterThan(900);
  expect(waited).toBeLessThan(2_000);
  await counts.add('k', 1);
  expect(performance.now() - began - waited).toBeLessThan(200);
});
