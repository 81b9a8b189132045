import { foldedWords } from './folded-words.ts';

/** The most words that a file is found by, besides those of its content. */
export const MOST_WORDS = 300;

/** What a file’s words come from. */
export interface Described {
  readonly originalName: string;
  readonly tags: readonly string[];
  readonly description?: string | null | undefined;
}

/** What a file’s words come from, and what they are. */
export interface Worded<Id> extends Described {
  readonly _id: Id;
  readonly words?: readonly string[];
  readonly wordEnds?: readonly number[];
  /** The content whose words are among them. */
  readonly contentWordsOf?: Id | null;
}

/** Stands before each word of a content, so that it is told from the others. */
export const CONTENT_SIGN = '\u0001';

/** The fields that `wordsUpdate` looks at. */
export const WORDED = {
  originalName: 1,
  tags: 1,
  description: 1,
  words: 1,
  wordEnds: 1,
  contentWordsOf: 1,
} as const;

/** The fields by which search finds a file; they are written wherever its name, its tags or its description are. */
export function wordFields({ originalName, tags, description }: Described) {
  const words = new Set<string>();
  const ends = [originalName, tags.join(' '), description ?? ''].map((text) => {
    for (const word of foldedWords(text)) {
      if (words.size === MOST_WORDS) break;
      words.add(word);
    }
    return words.size;
  });
  return { words: [...words], wordEnds: ends.slice(0, 2) };
}

/**
 * The update that makes a file’s words what they should be, while nothing that they come from changes; null where they
 * are. Those of its content stay as they are, or become the given ones.
 */
export function wordsUpdate<Id>(file: Worded<Id>, contentWords?: readonly string[]) {
  const { _id, originalName, tags, description, contentWordsOf } = file;
  const { words: own, wordEnds } = wordFields(file);
  const ofContent =
    contentWords?.map((word) => CONTENT_SIGN + word) ??
    (file.words ?? []).filter((word) => word.startsWith(CONTENT_SIGN));
  const words = [...own, ...ofContent];
  if (isSame(file.words, words) && isSame(file.wordEnds, wordEnds)) return null;
  const filter = { _id, originalName, tags, description: description ?? null };
  return {
    filter: { ...filter, contentWordsOf: contentWordsOf ?? null },
    update: { $set: { words, wordEnds } },
  };
}

const isSame = (a: readonly unknown[] | undefined, b: readonly unknown[]) =>
  a?.length === b.length && b.every((value, i) => a[i] === value);
