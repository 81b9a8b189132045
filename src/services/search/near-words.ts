import { distance } from 'fastest-levenshtein';
import { isUnspaced } from '../../texts/folded-words.ts';

const SHORTEST = 4;
const LONG = 8;
const BEGIN = 4;
const MOST_NEAR = 50;

// The letters that a slip may bring, per script; a word of another script is only known with two letters swapped, or one too many.
const ALPHABETS: readonly (readonly [RegExp, string])[] = [
  [/\p{sc=Latn}/u, 'abcdefghijklmnopqrstuvwxyz0123456789'],
  [/\p{sc=Cyrl}/u, 'абвгдежзиклмнопрстуфхцчшщъыьэюяєґђљњћџјѕ'],
  [/\p{sc=Grek}/u, 'αβγδεζηθικλμνξοπρστυφχψω'],
  [/\p{sc=Hebr}/u, 'אבגדהוזחטיכךלמםנןסעפףצץקרשת'],
  [/\p{sc=Arab}/u, 'ءابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژگک'],
];

/** Whether a word with a mistake may be known: a number has none, and a script without spaces no words to know. */
export function mayBeMistaken(word: string): boolean {
  return word.length >= SHORTEST && !/^\p{N}+$/u.test(word) && !isUnspaced(word);
}

/** Whether there may be two mistakes in the word. */
export const mayBeMistakenTwice = (word: string): boolean => word.length >= LONG;

/** Every word one mistake away: a letter that is wrong, missing or too many, or two neighbours that changed places. */
export function oneMistakeFrom(word: string): string[] {
  const letters = [...word];
  const near = new Set<string>();
  const add = (from: number, dropped: number, ...put: string[]) =>
    near.add([...letters.slice(0, from), ...put, ...letters.slice(from + dropped)].join(''));
  const alphabet = [...(ALPHABETS.find(([script]) => script.test(word))?.[1] ?? '')];
  for (let i = 0; i <= letters.length; i += 1) {
    for (const letter of alphabet) {
      add(i, 0, letter);
      if (i < letters.length) add(i, 1, letter);
    }
    if (i < letters.length) add(i, 1);
    const [first, second] = letters.slice(i, i + 2);
    if (first !== undefined && second !== undefined) add(i, 2, second, first);
  }
  near.delete(word);
  return [...near];
}

/** How words begin that are two mistakes away, as long as one of them at the most is among the first four letters. */
export function beginningsNear(word: string): string[] {
  const begin = [...word].slice(0, BEGIN).join('');
  const longer = [...word].slice(0, BEGIN + 1);
  const dropped = longer.map((_, i) => longer.toSpliced(i, 1).join(''));
  // What one letter fewer would leave would be the beginning of far too much; it is named with the letter after it.
  const others = oneMistakeFrom(begin).filter((each) => [...each].length >= BEGIN);
  return [...new Set([begin, ...dropped, ...others])];
}

/** Those of the words that are two mistakes away at the most. */
export function twoMistakesFrom(word: string, words: Iterable<string>): string[] {
  const near: string[] = [];
  for (const each of words) {
    if (Math.abs(each.length - word.length) <= 2 && distance(word, each) <= 2) near.push(each);
    if (near.length === MOST_NEAR) break;
  }
  return near;
}
