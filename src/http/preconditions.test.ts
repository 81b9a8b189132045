import { describe, expect, it } from 'vitest';
import { type ConditionalHeaders, evaluate, parseHttpDate, rangeApplies } from './preconditions.ts';

const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT';
const EXACT = 'Sun, 06 Nov 1994 08:49:37 GMT';
const AFTER = 'Sun, 06 Nov 1994 08:49:38 GMT';
const current = { etag: '"abc"', lastModified: new Date('1994-11-06T08:49:37.900Z') };
const judge = (headers: ConditionalHeaders, etag = current.etag) => evaluate(headers, { ...current, etag });

describe('evaluate', () => {
  it('proceeds without conditions', () => {
    expect(judge({})).toBe('proceed');
  });

  it('fails If-Match unless one of its tags is the current one, strongly compared', () => {
    expect(judge({ 'if-match': '"abc"' })).toBe('proceed');
    expect(judge({ 'if-match': '"x", "abc"' })).toBe('proceed');
    expect(judge({ 'if-match': '*' })).toBe('proceed');
    expect(judge({ 'if-match': '"x"' })).toBe('precondition-failed');
    expect(judge({ 'if-match': '"ABC"' })).toBe('precondition-failed');
    expect(judge({ 'if-match': 'W/"abc"' })).toBe('precondition-failed');
    expect(judge({ 'if-match': 'W/"abc"' }, 'W/"abc"')).toBe('precondition-failed');
    expect(judge({ 'if-match': '"abc"' }, 'W/"abc"')).toBe('precondition-failed');
    expect(judge({ 'if-match': '' })).toBe('precondition-failed');
  });

  it('fails If-Unmodified-Since for a file changed later, to the second', () => {
    expect(judge({ 'if-unmodified-since': BEFORE })).toBe('precondition-failed');
    expect(judge({ 'if-unmodified-since': EXACT })).toBe('proceed');
    expect(judge({ 'if-unmodified-since': AFTER })).toBe('proceed');
  });

  it('answers If-None-Match with a 304 when one of its tags is the current one, weakly compared', () => {
    expect(judge({ 'if-none-match': '"abc"' })).toBe('not-modified');
    expect(judge({ 'if-none-match': 'W/"abc"' })).toBe('not-modified');
    expect(judge({ 'if-none-match': '"abc"' }, 'W/"abc"')).toBe('not-modified');
    expect(judge({ 'if-none-match': '"x" ,\t"y",W/"abc"' })).toBe('not-modified');
    expect(judge({ 'if-none-match': ' * ' })).toBe('not-modified');
    expect(judge({ 'if-none-match': '"x"' })).toBe('proceed');
    expect(judge({ 'if-none-match': 'w/"abc"' })).toBe('proceed');
    expect(judge({ 'if-none-match': '' })).toBe('proceed');
  });

  it('answers If-Modified-Since with a 304 unless the file changed later, to the second', () => {
    expect(judge({ 'if-modified-since': BEFORE })).toBe('proceed');
    expect(judge({ 'if-modified-since': EXACT })).toBe('not-modified');
    expect(judge({ 'if-modified-since': AFTER })).toBe('not-modified');
  });

  it('lets If-Match silence If-Unmodified-Since', () => {
    expect(judge({ 'if-match': '"abc"', 'if-unmodified-since': BEFORE })).toBe('proceed');
    expect(judge({ 'if-match': '"x"', 'if-unmodified-since': AFTER })).toBe('precondition-failed');
  });

  it('lets If-None-Match silence If-Modified-Since', () => {
    expect(judge({ 'if-none-match': '"x"', 'if-modified-since': AFTER })).toBe('proceed');
    expect(judge({ 'if-none-match': '"abc"', 'if-modified-since': BEFORE })).toBe('not-modified');
    expect(judge({ 'if-none-match': 'junk', 'if-modified-since': AFTER })).toBe('proceed');
  });

  it('judges what must be current before what must be new', () => {
    expect(judge({ 'if-match': '"x"', 'if-none-match': '"abc"' })).toBe('precondition-failed');
    expect(judge({ 'if-match': '"abc"', 'if-none-match': '"abc"' })).toBe('not-modified');
    expect(judge({ 'if-unmodified-since': BEFORE, 'if-none-match': '"abc"' })).toBe('precondition-failed');
    expect(judge({ 'if-unmodified-since': BEFORE, 'if-modified-since': AFTER })).toBe('precondition-failed');
    expect(judge({ 'if-unmodified-since': AFTER, 'if-modified-since': AFTER })).toBe('not-modified');
  });

  it('ignores dates that are none', () => {
    expect(judge({ 'if-modified-since': 'tomorrow' })).toBe('proceed');
    expect(judge({ 'if-modified-since': `${AFTER}, ${AFTER}` })).toBe('proceed');
    expect(judge({ 'if-unmodified-since': '0' })).toBe('proceed');
    expect(judge({ 'if-unmodified-since': '' })).toBe('proceed');
  });

  it('takes commas, blanks-free oddities and the empty tag as parts of a tag', () => {
    expect(judge({ 'if-none-match': '"a,b"' }, '"a,b"')).toBe('not-modified');
    expect(judge({ 'if-none-match': '"a,b"' }, '"a')).toBe('proceed');
    expect(judge({ 'if-none-match': '"x,", "a,b"' }, '"a,b"')).toBe('not-modified');
    expect(judge({ 'if-none-match': '"x,"abc","' })).toBe('proceed');
    expect(judge({ 'if-none-match': '""' }, '""')).toBe('not-modified');
    expect(judge({ 'if-none-match': '"W/"' }, '"W/"')).toBe('not-modified');
    expect(judge({ 'if-none-match': '"\\"' }, '"\\"')).toBe('not-modified');
    expect(judge({ 'if-none-match': '"\u00fc"' }, '"\u00fc"')).toBe('not-modified');
  });

  it('steps over empty members of a list', () => {
    expect(judge({ 'if-none-match': ', ,"x",, ,"abc",' })).toBe('not-modified');
    expect(judge({ 'if-none-match': ',,,' })).toBe('proceed');
  });

  it('stops reading a list where it is malformed, and keeps what came before', () => {
    expect(judge({ 'if-match': '"abc", junk' })).toBe('proceed');
    for (const list of [
      'abc',
      'junk, "abc"',
      '"abc',
      '"x" "abc"',
      '"abc"x',
      '*, "abc"',
      '"a b"',
      '"abc" *',
      'W/abc',
    ]) {
      expect(judge({ 'if-match': list }), list).toBe('precondition-failed');
    }
  });

  it('answers a megabyte of hostile text without backtracking into it', () => {
    const long = 1 << 20;
    const hostile = [
      ','.repeat(long),
      ' '.repeat(long),
      `"${'a'.repeat(long)}`,
      '"a",'.repeat(long / 4),
      `"a"${' '.repeat(long)}x`,
      ' x'.repeat(long),
    ];
    const before = performance.now();
    for (const text of hostile) {
      expect(judge({ 'if-none-match': text })).toBe('proceed');
      expect(judge({ 'if-modified-since': text })).toBe('proceed');
    }
    expect(performance.now() - before).toBeLessThan(5000);
  });
});

describe('rangeApplies', () => {
  it('obeys the range without If-Range', () => {
    expect(rangeApplies(undefined, current)).toBe(true);
  });

  it('obeys it for the very same strong tag only', () => {
    expect(rangeApplies('"abc"', current)).toBe(true);
    expect(rangeApplies(' "abc" ', current)).toBe(true);
    expect(rangeApplies('"x"', current)).toBe(false);
    expect(rangeApplies('W/"abc"', current)).toBe(false);
    expect(rangeApplies('W/"abc"', { ...current, etag: 'W/"abc"' })).toBe(false);
    expect(rangeApplies('"x", "abc"', current)).toBe(false);
    expect(rangeApplies('*', current)).toBe(false);
    expect(rangeApplies('abc', current)).toBe(false);
    expect(rangeApplies('', current)).toBe(false);
  });

  it('obeys it for a date of the very same second only', () => {
    expect(rangeApplies(EXACT, current)).toBe(true);
    expect(rangeApplies(BEFORE, current)).toBe(false);
    expect(rangeApplies(AFTER, current)).toBe(false);
    expect(rangeApplies('Sun Nov  6 08:49:37 1994', current)).toBe(true);
  });
});

describe('parseHttpDate', () => {
  const time = Date.UTC(1994, 10, 6, 8, 49, 37);

  it('reads all three formats as the same instant', () => {
    expect(parseHttpDate(EXACT)).toBe(time);
    expect(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT')).toBe(time);
    expect(parseHttpDate('Sun Nov  6 08:49:37 1994')).toBe(time);
    expect(parseHttpDate(' Sun, 06 Nov 1994 08:49:37 GMT\t')).toBe(time);
  });

  it('reads back whatever a Date writes', () => {
    for (const iso of [
      '2024-02-29T23:59:59Z',
      '1970-01-01T00:00:00Z',
      '0099-12-31T00:00:00Z',
      '9999-12-31T12:00:00Z',
    ]) {
      expect(parseHttpDate(new Date(iso).toUTCString()), iso).toBe(Date.parse(iso));
    }
  });

  it('reads a leap second as the second after it', () => {
    expect(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT')).toBe(Date.UTC(2017, 0, 1));
  });

  it('reads a two-digit year as past when it would lie more than fifty years ahead', () => {
    const now = new Date('2026-11-15T00:00:00Z');
    expect(parseHttpDate('Saturday, 14-Nov-76 00:00:00 GMT', now)).toBe(Date.UTC(2076, 10, 14));
    expect(parseHttpDate('Tuesday, 16-Nov-76 00:00:00 GMT', now)).toBe(Date.UTC(1976, 10, 16));
    expect(parseHttpDate('Saturday, 01-Jan-00 00:00:00 GMT', now)).toBe(Date.UTC(2000, 0, 1));
    expect(parseHttpDate('Friday, 31-Dec-99 23:59:59 GMT', now)).toBe(Date.UTC(1999, 11, 31, 23, 59, 59));
    expect(parseHttpDate('Monday, 02-Jan-40 00:00:00 GMT', new Date('1999-01-01T00:00:00Z'))).toBe(
      Date.UTC(2040, 0, 2),
    );
  });

  it.each([
    '',
    '0',
    '784111777',
    '1994-11-06T08:49:37Z',
    'Mon, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06-Nov-94 08:49:37 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'sun, 06 nov 1994 08:49:37 gmt',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, 06 Nob 1994 08:49:37 GMT',
    'Fri, 30 Feb 2024 00:00:00 GMT',
    'Wed, 29 Feb 2023 00:00:00 GMT',
    'Mon, 00 Jan 2024 00:00:00 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Sun Nov 6 08:49:37 1994',
    'Sun Nov  6 08:49:37 1994 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT; length=5',
    'Sun, 06 Nov 1994 08:49:37 GMT\n',
  ])('refuses %j', (text) => {
    expect(parseHttpDate(text)).toBeUndefined();
  });
});
