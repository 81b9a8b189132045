import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import type { Filter } from '../../models/object-id.ts';
import type { FileOrder } from '../files/file-cursors.ts';
import type { FileScope } from '../folders/folder-scopes.ts';
import type { Viewer } from '../viewer.ts';
import {
  beginningsNear,
  mayBeMistaken,
  mayBeMistakenTwice,
  oneMistakeFrom,
  twoMistakesFrom,
} from './near-words.ts';
import { beginningWith, having, relevanceOf, type Sought } from './sought-words.ts';

type Conditions = Filter<StoredFile>[];

/** How many matches a search sorts at the most. */
export const MAX_MATCHES = 10_000;
const MOST_ASKED = 5;
const MOST_COUNTED = 1_000;
const MOST_LOOKED_AT = 5_000;

/** What is searched for, and where. */
export interface Search {
  readonly sought: readonly Sought[];
  /** What a file must be besides having the words. */
  readonly conditions: Conditions;
  /** Whether the words may be in the contents, too. */
  readonly mayBeInside: boolean;
  /** The index of the words; null where the database is to choose among others, too. */
  readonly hint: string | null;
  /** The same with words that may have been meant, where nothing begins with those that were written; null where all are known. */
  corrected(): Promise<Search | null>;
}

/** The account’s files that are searched. */
export interface Searched {
  readonly viewer: Viewer;
  readonly scope: FileScope;
  readonly isDeleted: boolean;
  /** What else they must be. */
  readonly conditions: Conditions;
}

/** Files in an order, a limited number. */
export interface Found {
  readonly files: StoredFile[];
  /** Whether there were more matches than are sorted. */
  readonly searchTruncated: boolean;
  readonly isEmpty: boolean;
}

/** Finds files by words, through the indexes over them. */
export class FileSearch {
  private readonly files: Collections['files'];
  private readonly searchesContents: boolean;

  /** Contents are searched where their words are kept, and by their owner alone. */
  constructor(files: Collections['files'], searchesContents: boolean) {
    this.files = files;
    this.searchesContents = searchesContents;
  }

  /** A search among files of an account. */
  ofAccount(words: readonly string[], searched: Searched): Search {
    const sought = words.map((word) => ({ word }));
    return this.search(sought, searched);
  }

  /** A search among everybody’s public files; it takes every word for what it is. */
  ofPublished(words: readonly string[], conditions: Conditions): Search {
    const sought = words.map((word) => ({ word }));
    return { sought, conditions, mayBeInside: false, hint: 'public_words', corrected: async () => null };
  }

  /** The matches that lie beyond a position, in an order; only so many matches are looked at as are sorted. */
  async find(
    search: Search,
    { field, direction }: FileOrder,
    position: Conditions,
    limit: number,
  ): Promise<Found> {
    const isRanked = field === 'relevance';
    const sort = isRanked
      ? { relevance: direction, createdAt: direction, _id: direction }
      : { [field]: direction, _id: direction };
    const [result] = await this.files
      .aggregate<{ files: StoredFile[]; matches: [{ n: number }?] }>([
        ...(await this.matching(search)),
        { $limit: MAX_MATCHES + 1 },
        ...(isRanked ? [{ $set: { relevance: relevanceOf(search.sought) } }] : []),
        { $project: WITHOUT_WORDS },
        {
          $facet: {
            files: [...position.map(($match) => ({ $match }) as never), { $sort: sort }, { $limit: limit }],
            matches: [{ $count: 'n' }],
          },
        },
      ])
      .option(search.hint ? { hint: search.hint } : {});
    const n = result?.matches[0]?.n ?? 0;
    return { files: result?.files ?? [], searchTruncated: n > MAX_MATCHES, isEmpty: n === 0 };
  }

  /** How many files match. */
  async count(search: Search): Promise<number> {
    const [result] = await this.files
      .aggregate<{ n: number }>([...(await this.matching(search)), { $count: 'n' }])
      .option(search.hint ? { hint: search.hint } : {});
    return result?.n ?? 0;
  }

  /** The matches: by the rarest of the words through the index, and then by the others. */
  private async matching(search: Search): Promise<{ $match: never }[]> {
    const { sought, conditions, mayBeInside } = search;
    const rarest = await this.rarest(search);
    const others = sought.filter((each) => each !== rarest).map((each) => having(each, mayBeInside));
    const first = { $match: { $and: [...conditions, having(rarest, mayBeInside)] } };
    // Without something between the two the database takes them for one, and walks along any of the words.
    const between = { $limit: Number.MAX_SAFE_INTEGER };
    return (others.length > 0 ? [first, between, { $match: { $and: others } }] : [first]) as never;
  }

  private async rarest({ sought, conditions, mayBeInside, hint }: Search): Promise<Sought> {
    const longest = sought.toSorted((a, b) => b.word.length - a.word.length).slice(0, MOST_ASKED);
    if (longest.length === 1) return longest[0] as Sought;
    const counts = await Promise.all(
      longest.map((each) =>
        this.files.collection.countDocuments({ $and: [...conditions, having(each, mayBeInside)] } as never, {
          limit: MOST_COUNTED,
          ...(hint && { hint }),
        }),
      ),
    );
    return longest[counts.indexOf(Math.min(...counts))] as Sought;
  }

  private search(sought: readonly Sought[], searched: Searched): Search {
    const { viewer, scope, conditions } = searched;
    // Whoever may only look at a file must not read its content word by word.
    const mayBeInside = this.searchesContents && scope.owner.equals(viewer.userId);
    return {
      sought,
      conditions,
      mayBeInside,
      hint: scope.isWhole ? 'own_words' : null,
      corrected: async () => {
        if (sought.some(({ instead }) => instead)) return null;
        const better = await Promise.all(sought.map((each) => this.better(each, mayBeInside, searched)));
        return better.some(({ instead }) => instead) ? this.search(better, searched) : null;
      },
    };
  }

  /**
   * The same, or with what may have been meant where nothing begins with it. Only the files are asked that are searched:
   * whoever sees a part of an account must not learn which words the rest of it has.
   */
  private async better(
    sought: Sought,
    mayBeInside: boolean,
    { scope, isDeleted }: Searched,
  ): Promise<Sought> {
    const { word } = sought;
    if (!mayBeMistaken(word)) return sought;
    const place = [...scope.conditions, { ...LISTED, isDeleted }];
    const options = scope.isWhole ? { hint: 'own_words' } : {};
    const isThere = async (condition: Filter<StoredFile>) => {
      const filter = { $and: [...place, condition] } as never;
      return (await this.files.collection.findOne(filter, { ...options, projection: { _id: 1 } })) !== null;
    };
    if (await isThere(having(sought, mayBeInside))) return sought;
    const once = { word, instead: oneMistakeFrom(word) };
    if (await isThere(having(once))) return once;
    if (!mayBeMistakenTwice(word)) return sought;
    const filter = { $and: [...place, beginningWith(beginningsNear(word))] } as never;
    const found = await this.files.collection
      .find(filter, { ...options, projection: { words: 1 }, limit: MOST_LOOKED_AT })
      .toArray();
    const words = new Set(found.flatMap((file) => (file as unknown as StoredFile).words ?? []));
    const instead = twoMistakesFrom(word, words);
    return instead.length > 0 ? { word, instead } : sought;
  }
}

/** What no list shows, and would only carry along. */
export const WITHOUT_WORDS = { words: 0, wordEnds: 0 } as const;
