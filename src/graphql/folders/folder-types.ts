import { Field, Int, ObjectType } from 'type-graphql';
import { Folder, type Folder as FolderShape } from '../../models/folder.ts';
import { PageInfo } from '../connections.ts';

/** A folder at its place in a list. */
@ObjectType({ description: 'A folder at its place in a list.' })
export class FolderEdge {
  @Field(() => String, { simple: true, description: 'Names the place; valid for the same list only.' })
  cursor!: () => string;

  @Field(() => Folder, { simple: true, description: 'The folder.' })
  node!: FolderShape;
}

/** One page of a list of folders; each field is computed only when it is asked for. */
@ObjectType({ description: 'One page of a list of folders.' })
export class FolderConnection {
  @Field(() => [FolderEdge], { simple: true, description: 'The page’s folders with their cursors.' })
  edges!: () => FolderEdge[];

  @Field(() => [Folder], { simple: true, description: 'The page’s folders alone.' })
  nodes!: readonly FolderShape[];

  @Field(() => PageInfo, { simple: true, description: 'Where the page lies in the list.' })
  pageInfo!: () => PageInfo;

  @Field(() => Int, {
    simple: true,
    description: 'Folders in the whole list; costs a count, so ask only when shown.',
  })
  totalCount!: () => Promise<number>;
}
