import { describe, expect, it } from 'vitest';
import { contentRange, parseRange } from './range.ts';

const full = { kind: 'full' };
const unsatisfiable = { kind: 'unsatisfiable' };
const part = (start: number, end: number) => ({ kind: 'partial', start, end });

describe('parseRange', () => {
  it('gives the full content when there is no Range header', () => {
    expect(parseRange(undefined, 10)).toEqual(full);
    expect(parseRange('', 10)).toEqual(full);
  });

  it.each([
    ['bytes=0-0', part(0, 0)],
    ['bytes=0-4', part(0, 4)],
    ['bytes=3-3', part(3, 3)],
    ['bytes=9-9', part(9, 9)],
    ['bytes=0-9', part(0, 9)],
  ])('takes both ends of %s as inclusive', (header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected);
  });

  it('cuts an end beyond the last byte to the last byte', () => {
    expect(parseRange('bytes=5-10', 10)).toEqual(part(5, 9));
    expect(parseRange('bytes=5-999', 10)).toEqual(part(5, 9));
  });

  it('reads an open end as the rest of the file', () => {
    expect(parseRange('bytes=0-', 10)).toEqual(part(0, 9));
    expect(parseRange('bytes=9-', 10)).toEqual(part(9, 9));
  });

  it('reads a suffix as the last bytes, and as the whole file when it is longer than the file', () => {
    expect(parseRange('bytes=-1', 10)).toEqual(part(9, 9));
    expect(parseRange('bytes=-10', 10)).toEqual(part(0, 9));
    expect(parseRange('bytes=-500', 10)).toEqual(part(0, 9));
  });

  it('cannot satisfy a range that starts at or beyond the end, nor a suffix of no bytes', () => {
    expect(parseRange('bytes=10-', 10)).toEqual(unsatisfiable);
    expect(parseRange('bytes=10-20', 10)).toEqual(unsatisfiable);
    expect(parseRange('bytes=11-12', 10)).toEqual(unsatisfiable);
    expect(parseRange('bytes=-0', 10)).toEqual(unsatisfiable);
    expect(parseRange('bytes=-000', 10)).toEqual(unsatisfiable);
  });

  it('has no byte to give of an empty file, and sends it whole for a suffix', () => {
    expect(parseRange('bytes=0-', 0)).toEqual(unsatisfiable);
    expect(parseRange('bytes=0-0', 0)).toEqual(unsatisfiable);
    expect(parseRange('bytes=-0', 0)).toEqual(unsatisfiable);
    expect(parseRange('bytes=-5', 0)).toEqual(full);
    expect(parseRange(undefined, 0)).toEqual(full);
  });

  it('knows its unit in any case and ignores every other unit', () => {
    expect(parseRange('BYTES=1-2', 10)).toEqual(part(1, 2));
    expect(parseRange('Bytes=-2', 10)).toEqual(part(8, 9));
    for (const header of ['items=0-1', 'byte=0-1', 'xbytes=0-1', 'bytes', '=0-1', 'none']) {
      expect(parseRange(header, 10), header).toEqual(full);
    }
  });

  it.each([
    'bytes=',
    'bytes=-',
    'bytes=--1',
    'bytes=5',
    'bytes=5-2',
    'bytes=0-1-2',
    'bytes=a-b',
    'bytes=1-2x',
    'bytes=0x1-0x2',
    'bytes=1.0-2',
    'bytes=+1-2',
    'bytes=1e0-2',
    'bytes=0 - 1',
    'bytes = 0-1',
    'bytes=٠-١',
    'bytes=0-1\r\n',
    'bytes:0-1',
  ])('ignores the malformed %j', (header) => {
    expect(parseRange(header, 10)).toEqual(full);
  });

  it('ignores several ranges, and the comma that would announce them', () => {
    for (const header of [
      'bytes=0-1,3-4',
      'bytes=0-1, 3-4',
      'bytes=0-1,',
      'bytes=90-91,92-93',
      'bytes=0-1,bytes=2-3',
    ]) {
      expect(parseRange(header, 10), header).toEqual(full);
    }
  });

  it('takes blanks around the value and before the range, but none of Unicode', () => {
    expect(parseRange(' \tbytes=1-2\t ', 10)).toEqual(part(1, 2));
    expect(parseRange('bytes= 1-2', 10)).toEqual(part(1, 2));
    expect(parseRange('\u00a0bytes=1-2', 10)).toEqual(full);
  });

  it('reads leading zeros as nothing', () => {
    expect(parseRange('bytes=0001-0002', 10)).toEqual(part(1, 2));
    expect(parseRange('bytes=0001-2', 10)).toEqual(part(1, 2));
    expect(parseRange('bytes=3-0002', 10)).toEqual(full);
    expect(parseRange('bytes=-0003', 10)).toEqual(part(7, 9));
    expect(parseRange(`bytes=${'0'.repeat(5000)}1-${'0'.repeat(9000)}2`, 10)).toEqual(part(1, 2));
  });

  it('is exact up to 2^53 bytes', () => {
    const size = 2 ** 53;
    expect(parseRange('bytes=9007199254740990-9007199254740991', size)).toEqual(part(size - 2, size - 1));
    expect(parseRange('bytes=9007199254740991-', size)).toEqual(part(size - 1, size - 1));
    expect(parseRange('bytes=9007199254740992-', size)).toEqual(unsatisfiable);
    expect(parseRange('bytes=-9007199254740991', size)).toEqual(part(1, size - 1));
    expect(parseRange('bytes=0-9007199254740993', size)).toEqual(part(0, size - 1));
  });

  it('orders positions that numbers can no longer tell apart', () => {
    expect(parseRange('bytes=9007199254740993-9007199254740992', 10)).toEqual(full);
    expect(parseRange('bytes=9007199254740992-9007199254740993', 10)).toEqual(unsatisfiable);
    const huge = '9'.repeat(4000);
    expect(parseRange(`bytes=0-${huge}`, 10)).toEqual(part(0, 9));
    expect(parseRange(`bytes=${huge}-`, 10)).toEqual(unsatisfiable);
    expect(parseRange(`bytes=-${huge}`, 10)).toEqual(part(0, 9));
    expect(parseRange(`bytes=1${huge}-${huge}`, 10)).toEqual(full);
  });

  it('answers a megabyte of hostile text without backtracking into it', () => {
    const long = 1 << 20;
    const hostile = [
      `${' '.repeat(long)}x`,
      `bytes=${'0'.repeat(long)}`,
      `bytes=${'0'.repeat(long)}-${'0'.repeat(long)}x`,
      `bytes=1-2${'\t '.repeat(long)}x`,
      `bytes=${'1-'.repeat(long)}`,
    ];
    const before = performance.now();
    for (const header of hostile) expect(parseRange(header, 10)).toEqual(full);
    expect(performance.now() - before).toBeLessThan(5000);
  });
});

describe('contentRange', () => {
  it('names the part and the whole length in a 206', () => {
    expect(contentRange(10, { start: 2, end: 4 })).toBe('bytes 2-4/10');
    const range = parseRange('bytes=-1', 2 ** 53);
    expect(range.kind === 'partial' && contentRange(2 ** 53, range)).toBe(
      'bytes 9007199254740991-9007199254740991/9007199254740992',
    );
  });

  it('names only the whole length in a 416', () => {
    expect(contentRange(10)).toBe('bytes */10');
    expect(contentRange(0)).toBe('bytes */0');
  });
});
