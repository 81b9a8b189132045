import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SpillBudget, SpillFile } from './spill-file.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'imaginary-storage-spill-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const CONTENT = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => i % 251));
const source = () => Readable.from([CONTENT.subarray(0, 10), CONTENT.subarray(10)]);
const spill = (budget = new SpillBudget(2_000_000)) => SpillFile.of(source(), directory, budget);

test('what was spilled is read as often as wanted, and has no name meanwhile', async () => {
  const file = await spill();
  expect(await readdir(directory)).toEqual([]);
  for (const read of [await buffer(file.read()), await buffer(file.read())])
    expect(read.equals(CONTENT)).toBe(true);
  await file.close();
});

test('what lies on the disk is not what was sent, nor the same for the same bytes', async () => {
  const files = [await spill(), await spill()];
  const names = await readdir('/proc/self/fd');
  const paths = names.map((name) => `/proc/self/fd/${name}`);
  const targets = await Promise.all(paths.map((path) => readlink(path).catch(() => '')));
  const spilled = paths.filter((_path, i) => targets[i]?.startsWith(join(directory, 'spill-')));
  const [one, other] = await Promise.all(spilled.map((path) => readFile(path)));
  expect([one?.length, other?.length]).toEqual([CONTENT.length, CONTENT.length]);
  expect(one?.equals(other ?? CONTENT)).toBe(false);
  for (let at = 0; at < CONTENT.length; at += 9_973) {
    expect(one?.includes(CONTENT.subarray(at, at + 16))).toBe(false);
  }
  for (const file of files) await file.close();
});

test('a reader that gives up harms no other reader', async () => {
  const file = await spill();
  const [first, second] = [file.read(), file.read()];
  await new Promise((resolve) => first.once('data', resolve));
  first.destroy();
  expect((await buffer(second)).equals(CONTENT)).toBe(true);
  await file.close();
});

test('it closes whether its readers have ended, gave up, or never began', async () => {
  const file = await spill();
  await buffer(file.read());
  file.read().destroy();
  file.read();
  await file.close();
});

test('the budget is of all files of a request together', async () => {
  const budget = new SpillBudget(1_500_000);
  const file = await spill(budget);
  await expect(spill(budget)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  expect(await readdir(directory)).toEqual([]);
  await file.close();
});

test('a source that fails is what the spilling fails with', async () => {
  const failing = new Readable({ read() {} });
  failing.push('x');
  const spilling = SpillFile.of(failing, directory, new SpillBudget(10));
  failing.on('error', () => undefined).destroy(new Error('gone'));
  await expect(spilling).rejects.toThrow('gone');
  expect(await readdir(directory)).toEqual([]);
});

test('a disk that takes no file is a store that does not answer, and the source is not left waiting', async () => {
  const waiting = source();
  const spilling = SpillFile.of(waiting, join(directory, 'none'), new SpillBudget(10));
  await expect(spilling).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  expect(waiting.destroyed).toBe(true);
});
