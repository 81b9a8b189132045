import { AppError } from '../errors.ts';
import { DEFAULT_PAGE, MAX_PAGE } from './files/file-listing.ts';

/** Relay’s arguments for walking forward through a list. */
export interface ForwardRequest {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
}

/** One page of a list that is walked forward. */
export interface ForwardPage<T> {
  readonly nodes: readonly T[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  cursor(node: T): string;
}

/** One page of a list that can be counted. */
export interface CountedPage<T> extends ForwardPage<T> {
  /** Counts the whole list; made only when somebody asks. */
  count(): Promise<number>;
}

/** How many entries a page has, or BAD_USER_INPUT. */
export function pageSize(first: number | null | undefined): number {
  const size = first ?? DEFAULT_PAGE;
  if (Number.isInteger(size) && size >= 1 && size <= MAX_PAGE) return size;
  const message = `must lie between 1 and ${MAX_PAGE}`;
  throw new AppError('BAD_USER_INPUT', `\`first\` ${message}.`, { issues: [{ field: 'first', message }] });
}
