import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import { listIndex, type StoredFile } from '../../models/file.ts';
import type { Filter } from '../../models/object-id.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import type { FileCursors, FileOrder } from './file-cursors.ts';
import {
  beyond,
  criteriaConditions,
  type FileCriteria,
  searchWords,
  textCondition,
  wordConditions,
} from './file-filters.ts';

/** Relay’s paging arguments; `first` with `after`, or `last` with `before`. */
export interface PageRequest {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

/** One page of a list, in the order asked for. */
export interface FilePage {
  readonly files: StoredFile[];
  readonly order: FileOrder;
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  /** Whether a search met more matches than it sorts, so that some cannot be reached by paging. */
  readonly searchTruncated: boolean;
  /** Counts the whole list; costs a walk over it, so it is made only when somebody asks. */
  count(): Promise<number>;
}

/** The most files one page may have. */
export const MAX_PAGE = 100;
/** How many files a page has when nothing is said. */
export const DEFAULT_PAGE = 25;
/** How many matches a search sorts at the most. */
export const MAX_MATCHES = 10_000;

interface Query {
  readonly conditions: Filter<StoredFile>[];
  readonly hint: string | null;
}

/** Lists of files, paged by key: a page costs the same wherever it lies. */
export class FileListing {
  private readonly files: Collections['files'];
  private readonly cursors: FileCursors;

  constructor(files: Collections['files'], cursors: FileCursors) {
    this.files = files;
    this.cursors = cursors;
  }

  /** The viewer’s own files. */
  async own(viewer: Viewer, criteria: FileCriteria, order: FileOrder, page: PageRequest): Promise<FilePage> {
    const words = searchWords(criteria.search);
    const conditions = [{ userId: viewer.userId }, ...criteriaConditions(criteria, new Date())];
    if (words.length > 0)
      return this.page({ conditions: [textCondition(words), ...conditions], hint: null }, order, page);
    if (criteria.search?.trim()) return this.nothing(order, page);
    return this.page({ conditions, hint: listIndex('own', order.field) }, order, page);
  }

  /** Everybody’s public files; search matches the beginnings of words. */
  async published(criteria: FileCriteria, order: FileOrder, page: PageRequest): Promise<FilePage> {
    const words = searchWords(criteria.search);
    const isUnsearchable = words.length === 0 && criteria.search?.trim();
    const isNeverPublished = criteria.isPublic === false || criteria.isDeleted === true;
    if (isUnsearchable || isNeverPublished) return this.nothing(order, page);
    const conditions = [
      { isPublic: true, 'access.canView': true },
      ...criteriaConditions({ ...criteria, isPublic: true, isDeleted: false }, new Date()),
      ...wordConditions(words),
    ];
    return this.page({ conditions, hint: listIndex('public', order.field) }, order, page);
  }

  /** The cursor of a file in a list of this order. */
  cursor(order: FileOrder, file: StoredFile): string {
    return this.cursors.encode(order, file);
  }

  /** The tags of the viewer’s files that lists show outside the trash, most used first. */
  async tags(viewer: Viewer, prefix: string, first: number): Promise<{ tag: string; count: number }[]> {
    if (!(first >= 1 && first <= MAX_PAGE * 10))
      throw pageError('first', `must lie between 1 and ${MAX_PAGE * 10}`);
    const conditions = [{ userId: viewer.userId }, ...criteriaConditions({}, new Date())];
    const begins = prefixRange(prefix.normalize('NFC'));
    const [result] = await this.files
      .aggregate<{ top: { tag: string; count: number }[] }>([
        // $elemMatch, since one and the same tag must lie in the range: only then the index is walked no further.
        { $match: { $and: [...conditions, ...(begins ? [{ tags: { $elemMatch: begins } }] : [])] } as never },
        { $unwind: '$tags' },
        ...(begins ? [{ $match: { tags: begins } }] : []),
        { $group: { _id: '$tags', count: { $sum: 1 } } },
        {
          $group: {
            _id: null,
            top: {
              $topN: { n: first, sortBy: { count: -1, _id: 1 }, output: { tag: '$_id', count: '$count' } },
            },
          },
        },
      ])
      .option(begins ? { hint: 'own_tags' } : {});
    return result?.top ?? [];
  }

  private async page(query: Query, order: FileOrder, request: PageRequest): Promise<FilePage> {
    const { size, backward, cursor } = this.window(order, request);
    const walk: FileOrder = backward ? { ...order, direction: order.direction === 1 ? -1 : 1 } : order;
    const position = cursor ? [beyond(walk, cursor)] : [];
    const { files, searchTruncated } = await this.walk(query, walk, position, size + 1);
    const more = files.length > size;
    if (more) files.pop();
    if (backward) files.reverse();
    return {
      files: files.map(withId),
      order,
      hasNextPage: backward ? cursor !== null : more,
      hasPreviousPage: backward ? more : cursor !== null,
      searchTruncated,
      count: () => this.count(query),
    };
  }

  /** The page of a list that cannot hold a file, such as a search without a single letter or digit. */
  private nothing(order: FileOrder, request: PageRequest): FilePage {
    this.window(order, request);
    const none = { hasNextPage: false, hasPreviousPage: false, searchTruncated: false };
    return { files: [], order, ...none, count: async () => 0 };
  }

  private async walk(query: Query, walk: FileOrder, position: Filter<StoredFile>[], limit: number) {
    const sort = { [walk.field]: walk.direction, _id: walk.direction };
    if (query.hint) {
      const filter = { $and: [...query.conditions, ...position] } as never;
      const files = await this.files.collection.find(filter, { sort, limit, hint: query.hint }).toArray();
      return { files: files as unknown as StoredFile[], searchTruncated: false };
    }
    const [result] = await this.files.aggregate<{ files: StoredFile[]; matches: [{ n: number }?] }>([
      { $match: { $and: query.conditions } as never },
      { $limit: MAX_MATCHES + 1 },
      {
        $facet: {
          files: [...position.map(($match) => ({ $match }) as never), { $sort: sort }, { $limit: limit }],
          matches: [{ $count: 'n' }],
        },
      },
    ]);
    return { files: result?.files ?? [], searchTruncated: (result?.matches[0]?.n ?? 0) > MAX_MATCHES };
  }

  private count(query: Query): Promise<number> {
    return this.files.collection.countDocuments(
      { $and: query.conditions } as never,
      query.hint ? { hint: query.hint } : {},
    );
  }

  private window(order: FileOrder, { first, after, last, before }: PageRequest) {
    const backward = last != null || before != null;
    if (backward && (first != null || after != null)) {
      throw pageError(last != null ? 'last' : 'before', 'cannot be combined with first or after');
    }
    const [name, size] = backward
      ? (['last', last ?? DEFAULT_PAGE] as const)
      : (['first', first ?? DEFAULT_PAGE] as const);
    if (!(Number.isInteger(size) && size >= 1 && size <= MAX_PAGE))
      throw pageError(name, `must lie between 1 and ${MAX_PAGE}`);
    const text = backward ? before : after;
    const cursor = text == null ? null : this.cursors.decode(order, text, backward ? 'before' : 'after');
    return { size, backward, cursor };
  }
}

/** The texts that begin with a prefix, as a range; null for the empty one, with which all texts begin. */
const prefixRange = (prefix: string) => (prefix ? { $gte: prefix, $lt: `${prefix}\u{10ffff}` } : null);

function pageError(field: string, message: string): AppError {
  return new AppError('BAD_USER_INPUT', `\`${field}\` ${message}.`, { issues: [{ field, message }] });
}
