/** The most characters (Unicode code points) a word keeps. */
export const MOST_WORD_LENGTH = 40;

// Scripts without spaces between words: any part of a run may be a word.
const UNSPACED = '\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}\\p{sc=Thai}\\p{sc=Laoo}\\p{sc=Khmr}\\p{sc=Mymr}\u30fc';
const RUN = new RegExp(`[${UNSPACED}][${UNSPACED}\\p{M}]*`, 'u');
const RUNS = new RegExp(`(${RUN.source})`, 'u');
/** How long a part of a run is looked up at once. */
const PART = 8;
// What marks do in Devanagari or in kana is part of the letter; here they are accents and points that many leave out.
const ACCENTS = /([\p{sc=Latn}\p{sc=Grek}\p{sc=Cyrl}\p{sc=Hebr}\p{sc=Arab}])[\p{M}\u200c\u200d]+/gu;
const SEPARATORS = /[^\p{L}\p{N}\p{M}]+/u;
const MEANINGFUL = /[\p{L}\p{N}]/u;
// Letters that Unicode does not take apart.
const LETTERS: Readonly<Record<string, string>> = {
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ħ: 'h',
  æ: 'ae',
  œ: 'oe',
  ς: 'σ',
};
const LETTER = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'gu');

/** The text as search compares it: without case, compatible forms and, where they are accents, marks. */
export function folded(text: string): string {
  return text
    .normalize('NFKD')
    .replace(ACCENTS, '$1')
    .toUpperCase()
    .toLowerCase()
    .replace(ACCENTS, '$1')
    .replace(LETTER, (letter) => LETTERS[letter] ?? letter)
    .normalize('NFC');
}

/**
 * The folded words of a text in their order, repetitions included. A run of a script that parts no words comes as one
 * entry per character, each with the characters that follow, so that every part of the run begins an entry.
 */
export function* foldedWords(text: string): Generator<string, void, undefined> {
  for (const { piece, isRun } of pieces(text)) {
    if (!isRun) yield cut(piece, MOST_WORD_LENGTH);
    else yield* partsOf(piece);
  }
}

/** The words that a search asks for, each once: each must begin a folded word of what is found. */
export function soughtWords(search: string): string[] {
  const sought = new Set<string>();
  for (const { piece, isRun } of pieces(search)) {
    if (!isRun) sought.add(cut(piece, MOST_WORD_LENGTH));
    else for (const part of chunks(piece)) sought.add(part);
  }
  return [...sought];
}

/** Whether a folded word is of a script that parts no words. */
export const isUnspaced = (word: string): boolean => RUN.test(word);

function* pieces(text: string): Generator<{ piece: string; isRun: boolean }> {
  for (const word of folded(text).split(SEPARATORS)) {
    if (!RUN.test(word)) {
      if (MEANINGFUL.test(word)) yield { piece: word, isRun: false };
      continue;
    }
    // Splitting by a group leaves what it matched at the odd places.
    for (const [i, piece] of word.split(RUNS).entries()) {
      if (MEANINGFUL.test(piece)) yield { piece, isRun: i % 2 === 1 };
    }
  }
}

function* partsOf(run: string): Generator<string> {
  const letters = lettersOf(run);
  for (const i of letters.keys()) yield letters.slice(i, i + PART).join('');
}

function* chunks(run: string): Generator<string> {
  const letters = lettersOf(run);
  for (let i = 0; i < letters.length; i += PART) yield letters.slice(i, i + PART).join('');
}

/** Its letters, each with its marks. */
const lettersOf = (run: string) => run.match(/\P{M}\p{M}*/gu) ?? [run];

const cut = (word: string, most: number) => (word.length <= most ? word : [...word].slice(0, most).join(''));
