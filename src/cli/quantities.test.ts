import { expect, test } from 'vitest';
import { parseAge, parseBytes, showBytes, showDuration } from './quantities.ts';
import { UsageError } from './usage-error.ts';

test.each([
  ['1', 1],
  ['50MiB', 50 * 2 ** 20],
  ['2 GiB', 2 ** 31],
])('%s is so many bytes', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(['', '0', '-1', '1.5GiB', '10MB', 'fast', '9999999999999TiB'])(
  '“%s” is no number of bytes',
  (text) => {
    expect(() => parseBytes(text)).toThrow(UsageError);
  },
);

test.each([
  ['90s', 90],
  ['5m', 300],
  ['12h', 43_200],
  ['30d', 2_592_000],
  ['2w', 1_209_600],
])('%s is an age', (text, seconds) => {
  expect(parseAge(text)).toBe(seconds * 1000);
});

test.each(['', '30', 'd', '-1d', '1y'])('“%s” is no age', (text) => {
  expect(() => parseAge(text)).toThrow(UsageError);
});

test('bytes and durations are shown as people read them', () => {
  expect([0, 1023, 1024, 1_610_612_736, 2 ** 51].map(showBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 GiB',
    '2048.0 TiB',
  ]);
  expect([0, 65, 7_209].map(showDuration)).toEqual(['0:00', '1:05', '2:00:09']);
});
