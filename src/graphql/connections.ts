import { Field, ObjectType } from 'type-graphql';
import type { CountedPage, ForwardPage } from '../services/forward-page.ts';

/** Where a page lies in its list, as Relay defines it. */
@ObjectType({ description: 'Where a page lies in its list; see https://relay.dev/graphql/connections.htm.' })
export class PageInfo {
  @Field(() => Boolean, { simple: true, description: 'Whether the list goes on after this page.' })
  hasNextPage!: boolean;

  @Field(() => Boolean, { simple: true, description: 'Whether the list has something before this page.' })
  hasPreviousPage!: boolean;

  @Field(() => String, {
    simple: true,
    nullable: true,
    description: 'The first cursor; null on an empty page.',
  })
  startCursor!: string | null;

  @Field(() => String, {
    simple: true,
    nullable: true,
    description: 'The last cursor; null on an empty page.',
  })
  endCursor!: string | null;
}

/** Makes the GraphQL object of a page, of its entries as they are to be shown. */
export function connectionOf<T, Node = T>(
  page: ForwardPage<T>,
  shown: (entry: T) => Node = (entry) => entry as unknown as Node,
) {
  const cursor = (entry: T | undefined) => (entry === undefined ? null : page.cursor(entry));
  return {
    nodes: page.nodes.map(shown),
    edges: () => page.nodes.map((entry) => ({ node: shown(entry), cursor: () => page.cursor(entry) })),
    pageInfo: (): PageInfo => ({
      hasNextPage: page.hasNextPage,
      hasPreviousPage: page.hasPreviousPage,
      startCursor: cursor(page.nodes[0]),
      endCursor: cursor(page.nodes.at(-1)),
    }),
  };
}

/** The same of a page whose list can be counted. */
export function countedConnectionOf<T>(page: CountedPage<T>) {
  return { ...connectionOf(page), totalCount: () => page.count() };
}
