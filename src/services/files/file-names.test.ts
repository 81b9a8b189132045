import { expect, test } from 'vitest';
import { cleanFileName, extensionOf, isCleanFileName, MAX_NAME_LENGTH, sortNameOf } from './file-names.ts';

test.each([
  ['report.pdf', 'report.pdf'],
  ['e\u0301.txt', 'é.txt'],
  ['../../etc/passwd', 'passwd'],
  ['C:\\temp\\x.txt', 'x.txt'],
  ['folder/', 'folder'],
  ['a/ /', 'a'],
  ['..', 'unnamed'],
  ['a/..', 'unnamed'],
  ['.', 'unnamed'],
  ['', 'unnamed'],
  [' \t\r\n', 'unnamed'],
  ['\u0000\u0007', 'unnamed'],
  ['a\u0000b\r\nc', 'abc'],
  ['invoice\u202etxt.exe', 'invoicetxt.exe'],
  ['a\u2028b\ufeff', 'ab'],
  ['a\u061cb', 'ab'],
  ['e\u200e\u0301', '\u00e9'],
  [`${'x'.repeat(254)} ${'y'.repeat(50)}`, 'x'.repeat(254)],
  ['.hidden', '.hidden'],
  ['...', '...'],
  ['  a b.txt ', 'a b.txt'],
  ['x\ud800y', 'x\ufffdy'],
  ['👩‍👩‍👧.jpg', '👩‍👩‍👧.jpg'],
])('%j is shown as %j', (raw, shown) => {
  expect(cleanFileName(raw)).toBe(shown);
  expect(cleanFileName(shown)).toBe(shown);
});

test('a long name keeps its extension, and no character is cut in two', () => {
  const name = cleanFileName(`${'🎉'.repeat(400)}.jpeg`);
  expect([...name]).toHaveLength(MAX_NAME_LENGTH);
  expect(name.isWellFormed()).toBe(true);
  expect(name.endsWith('🎉.jpeg')).toBe(true);
  expect([...cleanFileName('x'.repeat(400))]).toHaveLength(MAX_NAME_LENGTH);
});

test.each([
  ['a.TXT', 'txt'],
  ['a.tar.gz', 'gz'],
  ['.bashrc', ''],
  ['a.', ''],
  ['a..b', ''],
  ['a.longerthanten', ''],
  ['a.t x', ''],
  ['a.ü', ''],
])('the extension of %j is %j', (name, extension) => {
  expect(extensionOf(name)).toBe(extension);
});

test('only a name that is clean already may be typed', () => {
  expect(isCleanFileName('e\u0301.txt')).toBe(true);
  for (const name of ['', '..', 'a/b', ' a', 'a\u0000', 'x'.repeat(256)])
    expect(isCleanFileName(name)).toBe(false);
});

test('names are ordered and searched by what they say', () => {
  expect(sortNameOf('ＡÄ.Txt')).toBe('aä.txt');
});
