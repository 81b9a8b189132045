import { Field, ObjectType } from 'type-graphql';
import { UploadRequest, type UploadRequest as UploadRequestShape } from '../../models/upload-request.ts';
import type { ForwardPage } from '../../services/forward-page.ts';
import { connectionOf, PageInfo } from '../connections.ts';

/** An upload request at its place in a list. */
@ObjectType({ description: 'An upload request at its place in a list.' })
export class UploadRequestEdge {
  @Field(() => String, { simple: true, description: 'Names the place; valid for the same list only.' })
  cursor!: () => string;

  @Field(() => UploadRequest, { simple: true, description: 'The upload request.' })
  node!: UploadRequestShape;
}

/** One page of a list of upload requests. */
@ObjectType({ description: 'One page of a list of upload requests.' })
export class UploadRequestConnection {
  @Field(() => [UploadRequestEdge], { simple: true, description: 'The page’s requests with their cursors.' })
  edges!: () => UploadRequestEdge[];

  @Field(() => [UploadRequest], { simple: true, description: 'The page’s requests alone.' })
  nodes!: readonly UploadRequestShape[];

  @Field(() => PageInfo, { simple: true, description: 'Where the page lies in the list.' })
  pageInfo!: () => PageInfo;
}

/** Makes the GraphQL object of a page of upload requests. */
export const requestConnectionOf = (page: ForwardPage<UploadRequestShape>): UploadRequestConnection =>
  connectionOf(page) as UploadRequestConnection;
