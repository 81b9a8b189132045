import type { StoredFile } from '../../models/file.ts';
import type { Expression, Filter } from '../../models/object-id.ts';
import { CONTENT_SIGN } from '../../texts/described-words.ts';

/** A word that is searched for. */
export interface Sought {
  /** Folded; words that begin with it are meant. */
  readonly word: string;
  /** Where nothing begins with it: the words that may have been meant. */
  readonly instead?: readonly string[];
}

type Condition = Filter<StoredFile>;

/**
 * Holds for files that have the word in their name, their tags or their description, or, where it may lie there, too, in
 * their content.
 */
export function having({ word, instead }: Sought, mayBeInside = false): Condition {
  if (instead) return { words: { $in: [...instead] } } as Condition;
  return beginningWith([word, ...(mayBeInside ? [CONTENT_SIGN + word] : [])]);
}

/** Holds for files one of whose words begins with one of these. */
export function beginningWith(beginnings: readonly string[]): Condition {
  // Words have letters, digits and marks only, which are no signs of a pattern.
  return { words: { $in: beginnings.map((beginning) => new RegExp(`^${beginning}`, 'u')) } } as Condition;
}

const EXACT = 30;
const BEGINNING = 20;
const INSTEAD = 10;
const IN_NAME = 3;
const IN_TAGS = 2;
const IN_DESCRIPTION = 1;
// What a hundred words find is no better ordered by the last of them.
const MOST_RANKED = 10;

/**
 * How well a file answers, as a number: a word that is there as it was written counts more than one that only begins with
 * it, and that more than one that was meant; of these those of the name more than those of the tags, and those more than
 * those of the description. What only the content has counts least.
 */
export function relevanceOf(sought: readonly Sought[]): Expression {
  return { $add: [0, ...sought.slice(0, MOST_RANKED).map(scoreOf)] };
}

function scoreOf({ word, instead }: Sought): Expression {
  if (instead) {
    const first = firstOf({ $in: ['$$this', [...instead]] });
    return { $let: { vars: { at: first }, in: at(INSTEAD) } };
  }
  const range = { $and: [{ $gte: ['$$this', word] }, { $lt: ['$$this', `${word}\u{10ffff}`] }] };
  return {
    $let: {
      vars: { at: { $indexOfArray: [WORDS, word] } },
      in: {
        $cond: [
          { $gte: ['$$at', 0] },
          at(EXACT),
          { $let: { vars: { at: firstOf(range) }, in: at(BEGINNING) } },
        ],
      },
    },
  };
}

const WORDS = { $ifNull: ['$words', []] };

/** The place of the first word that meets a condition on `$$this`. */
const firstOf = (cond: Expression): Expression => ({
  $let: {
    vars: { first: { $first: { $filter: { input: WORDS, cond, limit: 1 } } } },
    in: { $cond: [{ $eq: [{ $type: '$$first' }, 'missing'] }, -1, { $indexOfArray: [WORDS, '$$first'] }] },
  },
});

/** What a word counts that lies at `$$at`. */
const at = (kind: number): Expression => ({
  $cond: [{ $lt: ['$$at', 0] }, 0, { $add: [kind, FIELD] }],
});

const FIELD: Expression = {
  $cond: [
    { $lt: ['$$at', { $first: '$wordEnds' }] },
    IN_NAME,
    { $cond: [{ $lt: ['$$at', { $last: '$wordEnds' }] }, IN_TAGS, IN_DESCRIPTION] },
  ],
};
