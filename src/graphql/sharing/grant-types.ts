import { Field, ObjectType } from 'type-graphql';
import { Grant } from '../../models/grant.ts';
import type { ForwardPage } from '../../services/forward-page.ts';
import type { ShownGrant } from '../../services/sharing/people/grants.ts';
import { connectionOf, PageInfo } from '../connections.ts';

/** A grant at its place in a list. */
@ObjectType({ description: 'A grant at its place in a list.' })
export class GrantEdge {
  @Field(() => String, { simple: true, description: 'Names the place; valid for the same list only.' })
  cursor!: () => string;

  @Field(() => Grant, { simple: true, description: 'The grant.' })
  node!: ShownGrant;
}

/** One page of a list of grants. */
@ObjectType({ description: 'One page of a list of grants.' })
export class GrantConnection {
  @Field(() => [GrantEdge], { simple: true, description: 'The page’s grants with their cursors.' })
  edges!: () => GrantEdge[];

  @Field(() => [Grant], { simple: true, description: 'The page’s grants alone.' })
  nodes!: readonly ShownGrant[];

  @Field(() => PageInfo, { simple: true, description: 'Where the page lies in the list.' })
  pageInfo!: () => PageInfo;
}

/** Makes the GraphQL object of a page of grants. */
export const grantConnectionOf = (page: ForwardPage<ShownGrant>): GrantConnection =>
  connectionOf(page) as GrantConnection;
