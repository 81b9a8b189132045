import { expect, test } from 'vitest';
import { folded, foldedWords, soughtWords } from './folded-words.ts';
import { unmarked } from './marked-text.ts';

test.each([
  ['Straße ÅNGSTRÖM Łódź', ['strasse', 'angstrom', 'lodz']],
  ['Отчёт Йод', ['отчет', 'иод']],
  ['ΟΔΟΣ οδός', ['οδοσ', 'οδοσ']],
  ['İstanbul ﬁ', ['istanbul', 'fi']],
  ['मेरी हिन्दी', ['मेरी', 'हिन्दी']],
  ['עִבְרִית', ['עברית']],
  ['写真2026年.png', ['写真', '真', '2026', '年', 'png']],
  ['ｱｲ', ['アイ', 'イ']],
  ['a_b-c.tar.gz', ['a', 'b', 'c', 'tar', 'gz']],
  ['\u0301 ... 🙂', []],
])('The words of %j are folded and parted at everything that is no letter, digit or mark', (text, words) => {
  expect([...foldedWords(text)]).toEqual(words);
});

test('A search asks for each word once, and for a run of a script without spaces in parts of eight', () => {
  expect(soughtWords('Ä a Ａ 一二三四五六七八九十')).toEqual(['a', '一二三四五六七八', '九十']);
});

test('Folding what is folded changes nothing', () => {
  for (const text of ['ǅ ß ς ŉ ﬃ İ', 'Ǆ', '㎏', 'ĳ']) expect(folded(folded(text))).toBe(folded(text));
});

test('A text loses its marks but none of its words', () => {
  expect(unmarked('<p>a<b>b</b></p><p>c &amp; &#100;&#x65;&unknown;</p><STYLE>x{}</STYLE>f')).toBe(
    ' ab  c & de&unknown;   f',
  );
  const began = performance.now();
  expect(unmarked('<'.repeat(2_000_000))).toBe('');
  expect(unmarked('<script>'.repeat(100_000)).length).toBeLessThan(100_000);
  expect(performance.now() - began).toBeLessThan(2_000);
});
