import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Progress } from './progress.ts';

const MIB = 2 ** 20;
let written: string[];
const run = (isTerminal: boolean) => ({ isTerminal, tell: (text: string) => void written.push(text) });

beforeEach(() => {
  written = [];
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

test('on a terminal one line is rewritten, with the share, the speed and the time that is left', () => {
  const progress = new Progress(run(true), { blobs: 4, bytes: 100 * MIB });
  for (let second = 0; second < 5; second += 1) {
    progress.addBytes(10 * MIB);
    vi.advanceTimersByTime(1000);
  }
  progress.addBlob();
  progress.tell('by the way');
  progress.stop();
  const last = written.at(-2);
  expect(last).toBe(
    '\r\u001b[K[############............]  50 %  50.0 MiB of 100.0 MiB, 1 of 4 blobs, 10.0 MiB/s, 0:05 left',
  );
  expect(written.at(-1)).toBe('\n');
  expect(written).toContain('\r\u001b[Kby the way\n');
  expect(written.filter((text) => text.includes('\n'))).toHaveLength(2);
  const { length } = written;
  vi.advanceTimersByTime(5_000);
  expect(written).toHaveLength(length);
});

test('elsewhere a whole line is written every ten seconds', () => {
  const progress = new Progress(run(false), { blobs: 1, bytes: 0 });
  vi.advanceTimersByTime(25_000);
  expect(written).toHaveLength(2);
  expect(written.every((line) => /^\[.*\n$/.test(line))).toBe(true);
  progress.addBlob();
  progress.stop();
  expect(written).toHaveLength(2);
});
