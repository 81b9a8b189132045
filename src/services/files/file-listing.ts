import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import { listIndex, type StoredFile } from '../../models/file.ts';
import type { Filter } from '../../models/object-id.ts';
import { soughtWords } from '../../texts/folded-words.ts';
import { type FolderScopes, refusePlaces } from '../folders/folder-scopes.ts';
import { type FileSearch, type Search, WITHOUT_WORDS } from '../search/file-search.ts';
import { having } from '../search/sought-words.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import { type FileCursors, type FileOrder, RELEVANCE } from './file-cursors.ts';
import { beyond, criteriaConditions, type FileCriteria } from './file-filters.ts';

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
interface Query {
  readonly conditions: Filter<StoredFile>[];
  readonly hint: string | null;
  /** Where the words are looked for first, instead of on the way along a list. */
  readonly search?: Search;
}

/** Lists of files, paged by key: a page costs the same wherever it lies. */
export class FileListing {
  private readonly files: Collections['files'];
  private readonly cursors: FileCursors;
  private readonly scopes: Pick<FolderScopes, 'of'>;
  private readonly search: FileSearch;

  constructor(
    files: Collections['files'],
    cursors: FileCursors,
    scopes: Pick<FolderScopes, 'of'>,
    search: FileSearch,
  ) {
    this.files = files;
    this.cursors = cursors;
    this.scopes = scopes;
    this.search = search;
  }

  /** The viewer’s own files, or those of a folder that it may see; NOT_FOUND for any other folder. */
  async own(viewer: Viewer, criteria: FileCriteria, order: FileOrder, page: PageRequest): Promise<FilePage> {
    const words = soughtWords(criteria.search ?? '');
    refuseRankless(order, criteria);
    const scope = await this.scopes.of(viewer, criteria);
    if (!scope) return this.nothing(order, page);
    const conditions = [...scope.conditions, ...criteriaConditions(criteria, new Date())];
    if (words.length > 0) {
      const searched = { viewer, scope, isDeleted: criteria.isDeleted ?? false, conditions };
      return this.page(bySearch(this.search.ofAccount(words, searched)), order, page);
    }
    if (criteria.search?.trim() || order.field === RELEVANCE) return this.nothing(order, page);
    return this.page({ conditions, hint: listIndex(scope.index, order.field) }, order, page);
  }

  /** Everybody’s public files; search matches the beginnings of words. */
  async published(criteria: FileCriteria, order: FileOrder, page: PageRequest): Promise<FilePage> {
    const words = soughtWords(criteria.search ?? '');
    refuseRankless(order, criteria);
    refusePlaces(criteria);
    const isUnsearchable = words.length === 0 && criteria.search?.trim();
    const isNeverPublished = criteria.isPublic === false || criteria.isDeleted === true;
    if (isUnsearchable || isNeverPublished) return this.nothing(order, page);
    const conditions = [
      { isPublic: true, 'access.canView': true },
      ...criteriaConditions({ ...criteria, isPublic: true, isDeleted: false }, new Date()),
    ] as Filter<StoredFile>[];
    if (order.field === RELEVANCE)
      return this.page(bySearch(this.search.ofPublished(words, conditions)), order, page);
    conditions.push(...words.map((word) => having({ word })));
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

  private async page(asked: Query, order: FileOrder, request: PageRequest): Promise<FilePage> {
    const { size, backward, cursor } = this.window(order, request);
    const walk: FileOrder = backward ? { ...order, direction: order.direction === 1 ? -1 : 1 } : order;
    const position = cursor ? [beyond(walk, cursor)] : [];
    const { query, files, searchTruncated } = await this.walk(asked, walk, position, size + 1);
    const more = files.length > size;
    if (more) files.pop();
    if (backward) files.reverse();
    return {
      files: files.map(withId),
      order,
      hasNextPage: backward ? cursor !== null : more,
      hasPreviousPage: backward ? more : cursor !== null,
      searchTruncated,
      count: () => (query.search ? this.search.count(query.search) : this.count(query)),
    };
  }

  /** The page of a list that cannot hold a file, such as a search without a single letter or digit. */
  private nothing(order: FileOrder, request: PageRequest): FilePage {
    this.window(order, request);
    const none = { hasNextPage: false, hasPreviousPage: false, searchTruncated: false };
    return { files: [], order, ...none, count: async () => 0 };
  }

  private async walk(query: Query, walk: FileOrder, position: Filter<StoredFile>[], limit: number) {
    if (query.search) {
      const found = await this.search.find(query.search, walk, position, limit);
      const corrected = found.isEmpty ? await query.search.corrected() : null;
      if (!corrected) return { query, ...found };
      return { query: bySearch(corrected), ...(await this.search.find(corrected, walk, position, limit)) };
    }
    const sort = { [walk.field]: walk.direction, _id: walk.direction };
    const filter = { $and: [...query.conditions, ...position] } as never;
    const options = { sort, limit, hint: query.hint ?? '', projection: WITHOUT_WORDS };
    const files = await this.files.collection.find(filter, options).toArray();
    return { query, files: files as unknown as StoredFile[], searchTruncated: false };
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

const bySearch = (search: Search): Query => ({ ...search, search });

/** Refuses to order by relevance what is not searched. */
function refuseRankless({ field }: FileOrder, { search }: FileCriteria): void {
  if (field === RELEVANCE && !search?.trim())
    throw pageError('sort.field', 'can be RELEVANCE only together with `filter.search`');
}

/** The texts that begin with a prefix, as a range; null for the empty one, with which all texts begin. */
const prefixRange = (prefix: string) => (prefix ? { $gte: prefix, $lt: `${prefix}\u{10ffff}` } : null);

function pageError(field: string, message: string): AppError {
  return new AppError('BAD_USER_INPUT', `\`${field}\` ${message}.`, { issues: [{ field, message }] });
}
